"""`fruit deploy`: the order of what it does, and what keeps it from deploying."""

import io
import json

import pytest

from operate.commands import deploy as command
from operate.connection import Connection
from operate.readiness.checks import Check


@pytest.fixture
def events(monkeypatch, tmp_path):
    """What is done, in order; nothing of it is real."""
    done = []

    def run_cdk(name, assembly, arguments):
        done.append(f"cdk {name} {' '.join(word for word in arguments if not word.startswith('--out'))}")
        for word in arguments:
            if word.startswith("--outputs-file="):
                outputs = {"fruit-features-dev-pipeline": {"RunId": "run-1"}}
                tmp_path.joinpath("outputs-dev.json").write_text(json.dumps(outputs))

    monkeypatch.setattr(command, "assembly_of", lambda stage: tmp_path / stage)
    monkeypatch.setattr(command, "build", lambda recipes, *_: done.append(f"build {len(recipes)}"))
    monkeypatch.setattr(command, "examine", lambda *_: done.append("doctor") or [])
    monkeypatch.setattr(command, "print_plan", lambda context, stderr: done.append(f"plan {context}"))
    monkeypatch.setattr(command, "synthesise", lambda _, context: done.append(f"synth {context}"))
    monkeypatch.setattr(command, "deployed_stacks", lambda *_: ["failed"])
    monkeypatch.setattr(
        command, "end_protection", lambda _, names, failed_only: done.append(f"let {names} go")
    )
    monkeypatch.setattr(command, "run_cdk", run_cdk)
    monkeypatch.setattr(command, "upload_folder", lambda _, folder: done.append(f"upload {folder.name}"))
    return done


ALWAYS = "--require-approval=never"


def test_a_deploy_builds_checks_shows_and_deploys_in_this_order(operate, events):
    """The stacks are synthesised once, with the fields that the plan showed; the next commands end it."""
    done = operate("deploy", "-c", "task_maximum=3", "--yes")
    assert done.exit_code == 0, done.err
    assert events == [
        "doctor",
        "build 4",
        "plan {'task_maximum': '3', 'stage': 'dev'}",
        "synth {'task_maximum': '3', 'stage': 'dev'}",
        "let ['failed'] go",
        f"cdk deploy --all {ALWAYS}",
    ]
    assert "fruit status run-1 --stage=dev" in done.out


def test_photographs_are_there_before_the_run_that_the_pipeline_starts(operate, events, tmp_path):
    """Storage first, then the upload, then all the rest."""
    (tmp_path / "fruit").mkdir()
    (tmp_path / "fruit" / "1.jpg").write_bytes(b"jpg")
    done = operate("deploy", f"--images={tmp_path / 'fruit'}", "--yes")
    assert done.exit_code == 0, done.err
    assert events[-3:] == [
        f"cdk deploy fruit-features-dev-storage fruit-features-dev-monitoring --exclusively {ALWAYS}",
        "upload fruit",
        f"cdk deploy --all {ALWAYS}",
    ]


def test_a_folder_without_photographs_is_refused_before_anything_is_built(operate, events, tmp_path):
    """Misuse."""
    done = operate("deploy", f"--images={tmp_path}", "--yes")
    assert (done.exit_code, events) == (2, [])
    assert "has no photographs" in done.err


@pytest.mark.parametrize(("answer", "message"), [("n\n", "not deployed"), ("", "there is nobody to ask")])
def test_without_a_yes_nothing_is_deployed(operate, events, monkeypatch, answer, message):
    """No, or nobody who answers, is exit code 1."""
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    done = operate("deploy")
    assert done.exit_code == 1
    assert message in done.err
    assert not [event for event in events if event.startswith(("cdk", "synth"))]


def test_an_account_that_is_not_ready_ends_it(operate, events, monkeypatch):
    """What the doctor says is shown; nothing is asked, nothing is deployed."""
    checks = [Check("CDK bootstrap", "failed", "not bootstrapped", "run it")]
    monkeypatch.setattr(command, "examine", lambda *_: checks)
    done = operate("deploy", "--yes")
    assert (done.exit_code, events) == (1, [])
    assert "not bootstrapped" in done.err


def test_the_stacks_go_to_the_region_of_the_connection():
    """CDK is told of it where it is not the configured one."""
    assert Connection("dev", "eu-west-1").context({}) == {"region": "eu-west-1", "stage": "dev"}
    assert Connection("dev", "eu-west-3").context({"run": "a"}) == {"run": "a", "stage": "dev"}
