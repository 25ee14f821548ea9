"""The command line: help on everything, one-line errors, exit codes, any endpoint."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from moto.server import ThreadedMotoServer

from operate.connection import plain_aws_errors
from operate.deployment import stack_outputs
from operate.errors import OperateError
from tests.aws.conftest import REGION, make_storage
from tests.doubles import Double

PROJECT = Path(__file__).parent.parent.parent
COMMANDS = (
    *("doctor", "deploy", "upload", "submit", "runs", "status", "logs", "fetch", "cancel", "cost", "tunnel"),
    *("tune", "destroy"),
)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_which_deployment_it_works_on(operate, name):
    """By options of its own, that a person may give where they come to mind; most print JSON for machines."""
    outcome = operate(name, "--help")
    assert outcome.exit_code == 0
    assert "--stage [dev|prod]" in outcome.out
    assert "--region REGION" in outcome.out
    assert name == "deploy" or "--json" in outcome.out


@pytest.mark.parametrize("name", COMMANDS[2:-1])
def test_without_a_deployment_every_command_says_so(operate, aws, tmp_path, name):
    """The same line, and what to do."""
    arguments = {"upload": [str(tmp_path)], "submit": ["--yes"]}.get(name, [])
    outcome = operate(name, *arguments)
    assert (outcome.exit_code, outcome.out) == (1, "")
    assert outcome.err == (
        "Error: no deployment of dev in eu-west-3: there is no finished stack fruit-features-dev-storage; "
        "`make deploy STAGE=dev` makes it, --stage and --region look elsewhere\n"
    )


def test_a_pipeline_that_is_not_deployed_is_said(operate, storage):
    """The data is there, but there is no run to fetch."""
    outcome = operate("fetch")
    assert outcome.exit_code == 1
    assert outcome.err == (
        "Error: the pipeline of dev is not deployed (no output RunId); `make deploy STAGE=dev` makes it\n"
    )


@pytest.mark.parametrize(("state", "count"), [("ROLLBACK_COMPLETE", 0), ("UPDATE_ROLLBACK_COMPLETE", 1)])
def test_outputs_of_a_first_deploy_that_failed_are_none(state, count):
    """They name resources that are gone; a failed update leaves what was there before."""

    class CloudFormation(Double):
        def describe_stacks(self, StackName):  # noqa: N803 - boto3's own name
            outputs = [{"OutputKey": "ResultsBucket", "OutputValue": "gone"}]
            return {"Stacks": [{"StackName": StackName, "StackStatus": state, "Outputs": outputs}]}

    assert len(stack_outputs(CloudFormation(), "fruit-features-dev-storage")) == count


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs", "--stage=test"], "Invalid value for '--stage': 'test' is not one of 'dev', 'prod'."),
        (["rusn"], "No such command 'rusn'. See `fruit --help`"),
        (["runs", "--jsn"], "No such option '--jsn'. Did you mean '--json'? See `fruit runs --help`"),
        (
            ["upload", "/no/such/folder"],
            "Invalid value for 'FOLDER': Directory '/no/such/folder' does not exist.",
        ),
    ],
)
def test_misuse_is_exit_code_2(operate, arguments, message):
    """One line, nothing on stdout."""
    outcome = operate(*arguments)
    assert (outcome.exit_code, outcome.out) == (2, "")
    assert outcome.err == f"Error: {message}\n"


def test_what_aws_refuses_is_one_line():
    """The operation, AWS's own words, and where to look."""
    answer: Any = {"Error": {"Code": "AccessDenied", "Message": "not\nyours"}}
    with pytest.raises(OperateError) as refused, plain_aws_errors():
        raise ClientError(answer, "ListObjectsV2")
    assert str(refused.value) == (
        "ListObjectsV2: AccessDenied: not yours; "
        "docs/deployment.md#permissions names the policy that it needs"
    )
    with pytest.raises(OperateError, match="aws sso login"), plain_aws_errors():
        raise NoCredentialsError


def test_an_endpoint_of_the_environment_is_used():
    """Against an emulated AWS the same commands work; results go to stdout, progress to stderr."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", endpoint)
            make_storage()
        done = subprocess.run(
            [sys.executable, "-m", "fruit", "runs", f"--region={REGION}", "--json"],
            cwd=PROJECT,
            env={**os.environ, "AWS_ENDPOINT_URL": endpoint},
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        server.stop()
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, [], "")


def test_an_endpoint_that_does_not_answer_is_named(operate, monkeypatch):
    """The tests' own endpoint refuses: the line says which address, and where to look."""
    monkeypatch.setattr("operate.connection.OTHER_ATTEMPTS", 1)
    outcome = operate("runs")
    assert outcome.exit_code == 1
    assert "http://127.0.0.1:9" in outcome.err
    assert outcome.err.count("\n") == 1
    assert "AWS_ENDPOINT_URL" in outcome.err
