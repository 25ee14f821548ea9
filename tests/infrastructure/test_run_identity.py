"""What makes a new run, and what a new run leaves alone."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from infra.checkout import ROOT
from tests.infrastructure.synthesis import CONTEXT, STAGES, Synthesis, normalised, synthesise

CHECKOUT = ("infra", "spark_job", "bootstrap")
SYNTH = """
import json, sys
from pathlib import Path
from infra.application import build_app
for context in json.loads(sys.argv[1]):
    build_app(context, outdir=Path(context["stage"])).synth()
"""


@pytest.fixture(scope="module")
def one_line_later(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Synthesis]:
    """Stage to stacks of a copy of the checkout whose job has one more line.

    Its process knows nothing of AWS; its sets of strings have another order, and its clock another zone.
    """
    folder = tmp_path_factory.mktemp("copy")
    for name in CHECKOUT:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [ROOT / "cdk.json", *ROOT.glob("requirements*"), *ROOT.glob("pyproject.toml")]:
        shutil.copy(path, folder / path.name)
    with (folder / "spark_job" / "reduction" / "fitting.py").open("a") as job:
        job.write("# one more line\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    done = subprocess.run(
        [sys.executable, "-c", SYNTH, json.dumps([{**CONTEXT, "stage": stage} for stage in STAGES])],
        cwd=folder,
        env={
            **environment,
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "4242",
            "TZ": "Pacific/Auckland",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {stage: Synthesis(folder / stage) for stage in STAGES}


@pytest.mark.command
@pytest.mark.parametrize("name", STAGES)
def test_one_changed_line_of_the_job_makes_a_new_run_and_touches_no_data(name, templates, one_line_later):
    """The pipeline runs again under another id; storage and monitoring are the same bytes in any process."""
    before, after = templates(name), one_line_later[name]
    assert after.outputs("pipeline")["RunId"] != before.outputs("pipeline")["RunId"]
    for part in ("storage", "monitoring"):
        assert after.text(part) == before.text(part)
    assert normalised(after, "pipeline") == normalised(before, "pipeline")


@pytest.mark.parametrize("change", [{"run": "again"}, {"variance": 0.9}])
def test_a_name_or_a_parameter_makes_a_new_run_and_touches_no_data(change, dev) -> None:
    """`-c run=NAME` runs the same once more; a parameter that changes results cannot keep the id."""
    changed = synthesise(stage="dev", **change)
    assert changed.outputs("pipeline")["RunId"] != dev.outputs("pipeline")["RunId"]
    assert changed.json("storage") == dev.json("storage")


def test_what_changes_no_result_keeps_the_run(dev) -> None:
    """Another budget or another retention is no reason to compute everything anew."""
    changed = synthesise(stage="dev", monthly_budget_usd=70, log_retention_days=30)
    assert changed.outputs("pipeline")["RunId"] == dev.outputs("pipeline")["RunId"]


def test_the_run_id_is_the_same_in_step_wait_and_output(stage) -> None:
    """One name in the step, in the function that hears of its end, and in the ids of the wait."""
    run = stage.outputs("pipeline")["RunId"]["Value"]
    cluster = json.dumps(stage.resources("pipeline", "AWS::EMR::Cluster"))
    assert f"--run-id={run}" in cluster
    functions = json.dumps(stage.resources("pipeline", "AWS::Lambda::Function"))
    assert re.search(rf'"AWAITED_STEP": "[\w-]+-{run}"', functions)
    digest = run.rsplit("-", 1)[-1]
    for kind in ("AWS::CloudFormation::WaitCondition", "AWS::CloudFormation::WaitConditionHandle"):
        (name,) = stage.resources("pipeline", kind)
        assert digest in name
