"""What `operate` asks of EMR is answered, through an unmodified boto3."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

import operate
from operate.emr import clusters, steps
from rehearsal.emr.service import OPERATIONS
from tests.rehearsal.emr.emr_client import FLEETS, EmrClient, answers_of

LIMITS = {"UnitType": "InstanceFleetUnits", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 7}


@pytest.fixture
def client(emr: EmrClient) -> Any:
    """boto3's client, whose requests reach the service without a socket."""
    made = boto3.client("emr", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    made.meta.events.register("before-send.emr", answers_of(emr.service))
    return made


def test_every_operation_that_operate_names_is_played() -> None:
    text = "".join(path.read_text() for path in Path(operate.__file__).parent.rglob("*.py"))
    called = set(re.findall(r"\bemr\.(\w+)\(", text)) | set(re.findall(r'emr\.get_paginator\("(\w+)"', text))
    known = {xform_name(operation) for operation in OPERATIONS}
    asked = {name for name in called if not name.startswith(("get_paginator", "get_waiter", "check_"))}
    assert "list_steps" in asked
    assert asked <= known


def test_a_cluster_with_its_policies_is_found(emr: EmrClient, client: Any) -> None:
    policies: dict[str, Any] = {
        "ManagedScalingPolicy": {"ComputeLimits": LIMITS},
        "AutoTerminationPolicy": {"IdleTimeout": 3600},
    }
    cluster_id = emr.run(FLEETS, Name="fruit-dev", LogUri="s3://logs/", **policies)
    found = clusters.list_clusters(client, "fruit-", days=1)
    assert [cluster.id for cluster in found] == [cluster_id]
    cluster = clusters.describe_cluster(client, cluster_id)
    assert (cluster.state, cluster.release) == ("WAITING", "emr-7.9.0")
    log_uri = client.describe_cluster(ClusterId=cluster_id)["Cluster"]["LogUri"]
    assert log_uri.replace("s3n://", "s3://") == "s3://logs/"
    assert clusters.idle_timeout(client, cluster_id) == timedelta(hours=1)
    assert clusters.most_nodes(client, cluster_id) == 7


def test_fleets_and_nodes_are_told(emr: EmrClient, client: Any) -> None:
    cluster_id = emr.run({**FLEETS, "Ec2SubnetIds": ["subnet-private"]})
    fleets = {each.kind: each for each in clusters.list_fleets(client, cluster_id)}
    assert (fleets["TASK"].spot, fleets["TASK"].spot_target, fleets["CORE"].on_demand) == (1, 1, 1)
    told = clusters.list_nodes(client, cluster_id)
    assert {node.fleet_id for node in told} == {each.id for each in fleets.values()}
    assert {(node.state, node.public) for node in told} == {("RUNNING", False)}


def test_a_step_is_added_followed_and_cancelled(
    emr: EmrClient, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "POLL_SECONDS", 0.01)
    cluster_id = emr.run(FLEETS)
    said: list[str] = []
    first = steps.add_steps(client, cluster_id, [steps.spark_step("one", ["exit", "4"])])[0]
    ended = steps.follow(client, cluster_id, first, said.append)
    assert (ended.state, ended.arguments) == ("FAILED", ("exit", "4"))
    assert ended.reason == "Unknown Error.; last words of exit 4"
    second = steps.add_steps(client, cluster_id, [steps.spark_step("two", ["wait"])])[0]
    steps.cancel_step(client, cluster_id, second)
    assert steps.follow(client, cluster_id, second, said.append).state == "CANCELLED"
    assert [step.id for step in steps.list_steps(client, cluster_id)] == [second, first]


def test_errors_arrive_with_their_code_and_message(client: Any) -> None:
    with pytest.raises(ClientError) as error:
        client.describe_cluster(ClusterId="j-NONE")
    response: Any = error.value.response
    assert response["Error"] == {
        "Code": "InvalidRequestException",
        "Message": "Cluster id 'j-NONE' is not valid.",
    }
    assert (response["ErrorCode"], response["Message"]) == (
        "NoSuchCluster",
        "Cluster id 'j-NONE' is not valid.",
    )
    with pytest.raises(ClientError, match="Specified job flow ID does not exist"):
        client.terminate_job_flows(JobFlowIds=["j-NONE"])
