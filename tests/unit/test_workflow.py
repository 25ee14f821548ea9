"""The users' workflows: pinned actions, no more permissions than needed, a deploy by hand only."""

import re
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from infra.field_types import Stage

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
READ = {"contents": "read"}
OIDC = {**READ, "id-token": "write"}
OWNERS = {"actions", "aws-actions", "marocchino"}  # the last one only posts a comment


def workflow(name: str) -> dict[str, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())
    loaded["on"] = loaded.pop(True)  # YAML 1.1 reads `on` as a truth value
    return loaded


def steps(name: str, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workflow(name)["jobs"][job]["steps"]
    return found


def runs(name: str, job: str) -> str:
    return "\n".join(step.get("run", "") for step in steps(name, job))


def used(step: dict[str, Any]) -> str:
    return str(step.get("uses", "")).partition("@")[0]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_and_say_which_release(path):
    """A tag can be moved to other code; a commit cannot."""
    lines = [line for line in path.read_text().splitlines() if re.search(r"\buses:", line)]
    assert lines
    pinned = re.compile(r"uses: ([\w-]+)/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
    matches = [pinned.search(line) for line in lines]
    assert [line for line, match in zip(lines, matches, strict=True) if not match] == []
    assert {match[1] for match in matches if match} <= OWNERS


def test_one_action_has_one_pin():
    """An update is made everywhere or nowhere."""
    pins = {
        step["uses"]
        for path in WORKFLOWS
        for job in workflow(path.stem)["jobs"].values()
        for step in job["steps"]
        if "uses" in step
    }
    assert len({pin.partition("@")[0] for pin in pins}) == len(pins)


def test_each_job_has_the_permissions_it_needs_and_no_more():
    """None by default; only diff and deploy get a token for AWS, and no code runs that may comment."""
    given = {
        (path.stem, job): body["permissions"]
        for path in WORKFLOWS
        for job, body in workflow(path.stem)["jobs"].items()
    }
    assert given == {
        ("check", "test"): READ,
        ("check", "synth"): READ,
        ("check", "diff"): OIDC,
        ("check", "comment"): {"pull-requests": "write"},
        ("deploy", "deploy"): OIDC,
    }
    assert [workflow(path.stem)["permissions"] for path in WORKFLOWS] == [{}, {}]
    assert runs("check", "comment").strip() == ""


def test_changes_are_checked_and_a_deploy_is_by_hand():
    """`pull_request_target` would give a fork's code our token."""
    assert set(workflow("check")["on"]) == {"push", "pull_request"}
    assert set(workflow("deploy")["on"]) == {"workflow_dispatch"}
    assert workflow("deploy")["jobs"]["deploy"]["environment"] == "${{ inputs.stage }}"


def test_every_stage_is_synthesised_compared_and_deployable():
    """The stages are those of the configuration."""
    stages = list(get_args(Stage))
    jobs = workflow("check")["jobs"]
    assert [jobs[job]["strategy"]["matrix"]["stage"] for job in ("synth", "diff", "comment")] == [stages] * 3
    assert workflow("deploy")["on"]["workflow_dispatch"]["inputs"]["stage"]["options"] == stages


def test_ci_runs_what_a_developer_runs():
    """`make lint`, `make test`, `make synth`, `make diff`, `make build`, `make deploy`; all are targets."""
    called = {
        target
        for path in WORKFLOWS
        for job in workflow(path.stem)["jobs"]
        for target in re.findall(r"\bmake (?:--silent )?(\w+)", runs(path.stem, job))
    }
    assert called == {"lint", "test", "synth", "diff", "build", "deploy"}
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert called <= targets


def test_a_stage_has_one_comment():
    """Each push replaces it: the header is the comment's identity."""
    (comment,) = [step for step in steps("check", "comment") if "comment" in used(step)]
    assert comment["with"]["header"] == "cdk-diff-${{ matrix.stage }}"


def test_credentials_come_by_oidc_and_only_where_they_are_needed():
    """No stored key; a fork's pull request gets none; the build happens before there are any."""
    texts = [path.read_text() for path in WORKFLOWS]
    assert not [text for text in texts if re.search(r"secrets\.|access-key", text)]
    assert "head.repo.full_name == github.repository" in workflow("check")["jobs"]["diff"]["if"]
    order = [used(step) or step["run"].split()[1] for step in steps("deploy", "deploy")]
    assert order[-3:] == ["build", "aws-actions/configure-aws-credentials", "deploy"]
    checkouts = [
        step["with"]["persist-credentials"]
        for path in WORKFLOWS
        for job in workflow(path.stem)["jobs"]
        for step in steps(path.stem, job)
        if used(step) == "actions/checkout"
    ]
    assert checkouts == [False] * 4


def test_what_people_type_never_becomes_a_command():
    """Inputs and names reach the shell as variables, not as its text."""
    scripts = [runs(path.stem, job) for path in WORKFLOWS for job in workflow(path.stem)["jobs"]]
    assert not [script for script in scripts if "${{" in script]


@pytest.mark.parametrize(
    ("name", "accepted"), [("", True), ("second_run-2.0", True), ("a;id", False), ("$(id)", False)]
)
def test_the_name_of_a_run_is_checked_before_make_sees_it(name, accepted):
    """A recipe of make is read by a shell."""
    scripts = [step for step in steps("deploy", "deploy") if "RUN" in step.get("env", {})]
    assert [script["run"].startswith("[[ $RUN =~") for script in scripts] == [True, False]
    done = subprocess.run(
        ["bash", "-e", "-c", scripts[0]["run"]],
        env={"RUN": name, "PATH": "/usr/bin:/bin"},
        capture_output=True,
    )
    assert (done.returncode == 0) is accepted
