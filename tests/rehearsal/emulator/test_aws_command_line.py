"""The AWS command line, unmodified, speaks to the rehearsal's EMR."""

import json
import re
import time

import pytest

from infra.checkout import ROOT
from tests.rehearsal.emulator.conftest import TESTER

AWS_COMMAND = ROOT / ".venv" / "bin" / "aws"


@pytest.fixture
def emr(aws):
    """Run a command of `aws emr` and return what it answers."""

    def run(*arguments):
        endpoint = aws.server.settings.endpoint
        done = aws.run(
            AWS_COMMAND,
            "emr",
            *arguments,
            "--endpoint-url",
            endpoint,
            "--output",
            "json",
            keys=aws.keys_of(TESTER),
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    return run


def test_the_documented_command_makes_a_cluster_of_groups(aws, emr):
    """The command of docs/rehearsal.md is run as it stands."""
    document = (ROOT / "docs" / "rehearsal.md").read_text()
    (command,) = re.findall(r"^\.venv/bin/aws emr create-cluster (?:.*\\\n)*.*$", document, re.MULTILINE)
    done = aws.run("bash", "-c", f"{command} --output json", keys=aws.keys_of(TESTER))
    assert done.returncode == 0, done.stderr
    cluster = json.loads(done.stdout)["ClusterId"]
    client, deadline = aws.client("emr"), time.monotonic() + 60
    while client.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] != "WAITING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    described = emr("describe-cluster", "--cluster-id", cluster)["Cluster"]
    groups = {group["InstanceGroupType"]: group for group in described["InstanceGroups"]}
    assert {role: group["RunningInstanceCount"] for role, group in groups.items()} == {"MASTER": 1, "CORE": 2}
    client.terminate_job_flows(JobFlowIds=[cluster])


def test_what_is_not_emulated_is_refused_in_emrs_words(aws):
    """The code and the message arrive as AWS's do."""
    endpoint = aws.server.settings.endpoint
    done = aws.run(AWS_COMMAND, "emr", "list-studios", "--endpoint-url", endpoint, keys=aws.keys_of(TESTER))
    assert done.returncode != 0
    assert "(InvalidRequestException)" in done.stderr
    assert "ListStudios is not part of the rehearsal: docs/rehearsal.md says what is" in done.stderr
