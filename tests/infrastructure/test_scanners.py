"""Independent scanners find nothing that is not answered: cdk-nag's two packs, and cfn-lint."""

import contextlib
import json
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from tests.infrastructure.synthesis import CONTEXT, STAGES, build_app

ROOT = Path(__file__).parents[2]
PACKS = {"AwsSolutions", "NIST.800.53.R5"}


@cache
def nag_reports(stage: str) -> list[dict]:
    """What each pack found; synth itself fails when something is left unanswered."""
    from aws_cdk import Validations
    from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks

    app = build_app({"stage": stage, **CONTEXT})
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), NIST80053R5Checks(app))
    with contextlib.suppress(RuntimeError):  # synth fails on a finding; the report says which
        app.synth()
    report = json.loads((Path(app.outdir) / "validation-report.json").read_text())
    return report["pluginReports"]


@pytest.mark.parametrize("stage", STAGES)
def test_cdk_nag_finds_nothing_without_an_acknowledgement(stage) -> None:
    """Both packs ran over every stack, and every finding left has its reason."""
    reports = nag_reports(stage)
    findings = [
        f"{violation['ruleName']} {construct['constructPath']}"
        for report in reports
        for violation in report["violations"]
        for construct in violation["violatingConstructs"]
    ]
    assert findings == []
    assert {report["pluginName"] for report in reports} >= PACKS


@pytest.mark.parametrize("stage", STAGES)
def test_every_acknowledgement_gives_a_reason_for_its_own_resource(stage) -> None:
    """A sentence, and on a construct: a stack or the whole app acknowledges nothing."""
    acknowledged = [
        (violation["acknowledgedAt"], violation["reason"])
        for report in nag_reports(stage)
        for violation in report["suppressedViolations"]
    ]
    assert len(acknowledged) > 5
    for path, reason in acknowledged:
        assert "/" in path, f"{path} acknowledges for a whole stack: {reason}"
        assert len(reason.split()) >= 4, f"{path}: {reason}"


@pytest.mark.command
def test_cfn_lint_finds_no_error_and_no_warning(templates) -> None:
    """In no template of either stage, against what the region has."""
    files = [str(path) for stage in STAGES for path in templates(stage).files.values()]
    lint = subprocess.run(
        [str(Path(sys.executable).parent / "cfn-lint"), "--format", "json", "--template", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    findings = [
        f"{one['Rule']['Id']} {Path(one['Filename']).name} {one['Message']}"
        for one in json.loads(lint.stdout)
    ]
    assert findings == []
    assert lint.returncode == 0, lint.stderr


def test_cfn_lint_ignores_only_what_a_comment_explains() -> None:
    """In `.cfnlintrc`, each ignored check follows a comment with the reason."""
    lines = (ROOT / ".cfnlintrc").read_text().splitlines()
    ignored = yaml.safe_load("\n".join(lines))["ignore_checks"]
    explained = [line.strip("- ") for before, line in pairwise(lines) if before.strip().startswith("#")]
    assert set(ignored) <= set(explained)
    assert ignored
