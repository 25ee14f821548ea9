"""What zizmor (`make lint`) cannot know of the workflows: which job may do what, and how a deploy begins."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from infra.config.field_types import Stage

ROOT = Path(__file__).parents[2]
WORKFLOWS = {path.stem: path for path in (ROOT / ".github/workflows").glob("*.yml")}
DEPLOYMENT = (ROOT / "docs/deployment.md").read_text()
GITHUB = "token.actions.githubusercontent.com"


def workflow(name: str) -> dict[str, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(WORKFLOWS[name].read_text())
    loaded["on"] = loaded.pop(True)  # YAML 1.1 reads `on` as a truth value
    return loaded


def all_jobs() -> dict[tuple[str, str], dict[str, Any]]:
    return {(name, job): body for name in WORKFLOWS for job, body in workflow(name)["jobs"].items()}


def scripts(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def policies() -> dict[str, dict[str, Any]]:
    """Return the policies of docs/deployment.md by the first action that each names."""
    blocks = [json.loads(block) for block in re.findall(r"```json\n(\{\n.*?)```", DEPLOYMENT, re.DOTALL)]
    documents = [block for block in blocks if "Statement" in block]
    return {next(iter(actions(document))): document for document in documents}


def actions(policy: dict[str, Any]) -> list[str]:
    stated = [statement["Action"] for statement in policy["Statement"]]
    return [action for each in stated for action in ([each] if isinstance(each, str) else each)]


def test_one_action_has_one_pin():
    """An update is made everywhere or nowhere."""
    pins = {step["uses"] for job in all_jobs().values() for step in job["steps"] if "uses" in step}
    assert len({pin.partition("@")[0] for pin in pins}) == len(pins)


def test_no_checkout_leaves_its_token_behind():
    """zizmor holds only older releases of the action to it."""
    steps = [step for job in all_jobs().values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False] * len(checkouts)


def test_only_jobs_that_need_it_may_do_more_than_read_the_code():
    """Diff and deploy alone get a token for AWS; what may write to the repository runs no code of ours."""
    read = {"contents": "read"}
    more = {key: job for key, job in all_jobs().items() if job["permissions"] != read}
    assert {key: job["permissions"] for key, job in more.items()} == {
        ("check", "diff"): {**read, "id-token": "write"},
        ("deploy", "deploy"): {**read, "id-token": "write"},
        ("check", "comment"): {"pull-requests": "write"},
        ("release", "release"): {"contents": "write"},
    }
    for writer in (("check", "comment"), ("release", "release")):
        assert not re.search(r"\b(make|python|bash|\./)", scripts(more[writer]))
        assert not [step for step in more[writer]["steps"] if "actions/checkout" in step.get("uses", "")]


def test_a_token_for_aws_is_given_in_a_protected_environment_alone():
    """The environment says who approves, and is what the role's trust policy asks for."""
    with_token = {key: job for key, job in all_jobs().items() if "id-token" in job["permissions"]}
    assert {key: job["environment"] for key, job in with_token.items()} == {
        ("check", "diff"): "diff-${{ matrix.stage }}",
        ("deploy", "deploy"): "${{ inputs.stage }}",
    }
    assert "head.repo.full_name == github.repository" in workflow("check")["jobs"]["diff"]["if"]


def test_changes_are_checked_and_a_deploy_is_by_hand():
    """Each workflow begins by what it is for; what takes long begins by the clock."""
    begins = {name: set(workflow(name)["on"]) for name in WORKFLOWS}
    assert begins == {
        "check": {"push", "pull_request"},
        "deploy": {"workflow_dispatch"},
        "release": {"push"},
        "audit": {"schedule", "workflow_dispatch"},
        "test-all": {"schedule", "workflow_dispatch"},
    }
    assert workflow("release")["on"]["push"] == {"tags": ["v*"]}


def test_every_stage_is_synthesised_compared_and_deployable():
    """The stages are those of the configuration."""
    stages = list(get_args(Stage))
    jobs = workflow("check")["jobs"]
    assert [jobs[job]["strategy"]["matrix"]["stage"] for job in ("synth", "diff", "comment")] == [stages] * 3
    assert workflow("deploy")["on"]["workflow_dispatch"]["inputs"]["stage"]["options"] == stages


def test_ci_runs_what_a_developer_runs():
    """Each step of work is a target of make, and the checks of a change are `make lint` and `make test`."""
    make = re.compile(r"\bmake (?:--silent )?([a-z -]+)\b")
    called = {key: " ".join(make.findall(scripts(job))).split() for key, job in all_jobs().items()}
    assert called["check", "test"] == ["lint", "test"]
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {target for names in called.values() for target in names} <= targets


def test_a_commit_is_checked_by_the_tools_of_make_lint():
    """pre-commit runs the same programs of the same environment."""
    dry = subprocess.run(["make", "-n", "lint"], cwd=ROOT, capture_output=True, text=True, check=True)
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    tool = r"\.venv/bin/(ruff check|ruff format|mypy|shellcheck|codespell|zizmor)"
    assert {name for hook in hooks for name in re.findall(tool, hook["entry"])} == set(
        re.findall(tool, dry.stdout)
    )
    assert len(hooks) == 6


def test_a_stage_has_one_comment():
    """Each push replaces it: the header is the comment's identity."""
    (comment,) = [step for step in workflow("check")["jobs"]["comment"]["steps"] if "comment" in step["uses"]]
    assert comment["with"]["header"] == "cdk-diff-${{ matrix.stage }}"


def test_credentials_come_by_oidc_and_after_the_build():
    """No key is stored; the build runs other people's code before there are credentials."""
    texts = [path.read_text() for path in WORKFLOWS.values()]
    assert not [text for text in texts if re.search(r"secrets\.|access-key", text)]
    steps = workflow("deploy")["jobs"]["deploy"]["steps"]
    order = [step.get("uses", "").partition("@")[0] or step["run"].split()[1] for step in steps]
    assert order[-3:] == ["build", "aws-actions/configure-aws-credentials", "deploy"]


@pytest.mark.parametrize(
    ("name", "accepted"), [("", True), ("second_run-2.0", True), ("a;id", False), ("$(id)", False)]
)
def test_the_name_of_a_run_is_checked_before_make_sees_it(name, accepted):
    """A recipe of make is read by a shell."""
    steps = [step for step in workflow("deploy")["jobs"]["deploy"]["steps"] if "RUN" in step.get("env", {})]
    assert [step["run"].startswith("[[ $RUN =~") for step in steps] == [True, False]
    done = subprocess.run(
        ["bash", "-e", "-c", steps[0]["run"]],
        env={"RUN": name, "PATH": "/usr/bin:/bin"},
        capture_output=True,
    )
    assert (done.returncode == 0) is accepted


def test_the_diff_role_reads_templates_and_nothing_else():
    """Code of a pull request runs with it: no data of a service, no other role, stacks of one stage alone."""
    policy = policies()["cloudformation:DescribeStacks"]
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}
    allowed = re.compile(r"cloudformation:(GetTemplate|Describe\w+)")
    assert [action for action in actions(policy) if not allowed.fullmatch(action)] == []
    resources = [statement["Resource"] for statement in policy["Statement"]]
    assert resources == ["arn:aws:cloudformation:REGION:ACCOUNT:stack/fruit-features-STAGE-*/*"]


def test_the_diff_role_trusts_one_environment_of_one_repository():
    """Equal, not alike: a wildcard would let in another branch, repository or owner."""
    (statement,) = policies()["sts:AssumeRoleWithWebIdentity"]["Statement"]
    assert statement["Principal"] == {"Federated": f"arn:aws:iam::ACCOUNT:oidc-provider/{GITHUB}"}
    assert statement["Condition"] == {
        "StringEquals": {
            f"{GITHUB}:aud": "sts.amazonaws.com",
            f"{GITHUB}:sub": "repo:OWNER/REPOSITORY:environment:diff-STAGE",
        }
    }
