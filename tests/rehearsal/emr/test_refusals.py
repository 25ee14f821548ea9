"""What EMR refuses to do with a cluster that ends or has ended, by its API and through CloudFormation."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal.emr.conditions import Conditions
from rehearsal.emr.errors import EmrError
from rehearsal.emulator import api
from rehearsal.emulator.resource_types.emr_cluster import ClusterFailedError, EmrCluster
from tests.rehearsal.emr.emr_client import FLEETS, EmrClient, answers_of, step

ENDED = "A job flow that is shutting down, terminated, or finished may not be modified."
LIMITS = {"UnitType": "InstanceFleetUnits", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 3}
CHANGES: list[tuple[str, str, dict[str, Any], str]] = [
    ("ModifyInstanceFleet", "ClusterId", {"InstanceFleet": {}}, "InvalidRequestException"),
    ("CancelSteps", "ClusterId", {"StepIds": ["s-1"]}, "InvalidRequestException"),
    ("AddJobFlowSteps", "JobFlowId", {"Steps": [step()]}, "ValidationException"),
    ("PutManagedScalingPolicy", "ClusterId", {"ManagedScalingPolicy": {"ComputeLimits": LIMITS}}, ""),
    ("RemoveManagedScalingPolicy", "ClusterId", {}, ""),
    ("PutAutoTerminationPolicy", "ClusterId", {"AutoTerminationPolicy": {"IdleTimeout": 60}}, ""),
    ("RemoveAutoTerminationPolicy", "ClusterId", {}, ""),
]


def end(emr: EmrClient, cluster_id: str) -> None:
    emr.call("TerminateJobFlows", JobFlowIds=[cluster_id])
    emr.wait(cluster_id, "TERMINATED")


@pytest.mark.parametrize(("operation", "name", "change", "code"), CHANGES, ids=[each[0] for each in CHANGES])
def test_an_ended_cluster_is_not_changed(
    emr: EmrClient, operation: str, name: str, change: dict[str, Any], code: str
) -> None:
    """By the code that the operation's model names, in EMR's words."""
    cluster_id = emr.run(FLEETS)
    end(emr, cluster_id)
    if "InstanceFleet" in change and not change["InstanceFleet"]:
        change = {"InstanceFleet": {"InstanceFleetId": "if-1", "TargetSpotCapacity": 2}}
    request: dict[str, Any] = {name: cluster_id, **change}
    with pytest.raises(EmrError) as refused:
        emr.call(operation, **request)
    assert (refused.value.message, refused.value.code) == (ENDED, code or "ValidationException")


def test_a_cluster_that_ends_is_not_changed(emr: EmrClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end has begun, its state is TERMINATING."""
    cluster_id = emr.run(FLEETS)
    compute = emr.computes[cluster_id]
    monkeypatch.setattr(compute, "stop", compute.stopped.wait)
    emr.call("TerminateJobFlows", JobFlowIds=[cluster_id])
    emr.wait(cluster_id, "TERMINATING")
    try:
        with pytest.raises(EmrError, match="may not be modified"):
            emr.call("RemoveManagedScalingPolicy", ClusterId=cluster_id)
    finally:
        compute.stopped.set()


def test_a_fleet_is_resized_only_when_its_cluster_is_ready(emr: EmrClient) -> None:
    """Not while it starts."""
    slow = {"Name": "a", "ScriptBootstrapAction": {"Path": "s3://b/slow.sh"}}
    cluster_id = emr.run(FLEETS, BootstrapActions=[slow], Applications=[{"Name": "Spark"}])
    core = emr.call("ListInstanceFleets", ClusterId=cluster_id)["InstanceFleets"][1]["Id"]
    change = {"InstanceFleetId": core, "TargetOnDemandCapacity": 2}
    words = "An instance fleet may only be modified when the cluster is running or waiting"
    with pytest.raises(EmrError, match=words) as refused:
        emr.call("ModifyInstanceFleet", ClusterId=cluster_id, InstanceFleet=change)
    assert refused.value.code == "InvalidRequestException"


PROPERTIES: dict[str, Any] = {
    "Name": "fruit",
    "ReleaseLabel": "emr-7.9.0",
    "ServiceRole": "s",
    "JobFlowRole": "j",
    "Instances": {
        "MasterInstanceFleet": {
            "TargetOnDemandCapacity": 1,
            "InstanceTypeConfigs": [{"InstanceType": "m5.xlarge"}],
        },
        "CoreInstanceFleet": {
            "TargetOnDemandCapacity": "1",
            "InstanceTypeConfigs": [{"InstanceType": "m5.xlarge"}],
        },
    },
    "AutoTerminationPolicy": {"IdleTimeout": "600000"},
}
CHANGED = {**PROPERTIES, "AutoTerminationPolicy": {"IdleTimeout": "60"}}


@pytest.fixture
def resource(emr: EmrClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EmrCluster]:
    """CloudFormation's resource type, whose calls reach the service."""
    client = boto3.client("emr", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    client.meta.events.register("before-send.emr", answers_of(emr.service))
    monkeypatch.setattr(api, "_client", lambda service, region: client)
    return lambda **conditions: EmrCluster(Conditions(**conditions))


def test_a_stack_changes_a_cluster_that_lives(emr: EmrClient, resource: Callable[..., EmrCluster]) -> None:
    """The same change that is refused below."""
    cluster_id, _ = resource().create("Cluster", PROPERTIES, "stack")
    resource().update(cluster_id, PROPERTIES, CHANGED)
    policy = emr.call("GetAutoTerminationPolicy", ClusterId=cluster_id)["AutoTerminationPolicy"]
    assert policy == {"IdleTimeout": 60}


@pytest.mark.parametrize(("old", "new"), [(PROPERTIES, CHANGED), (CHANGED, PROPERTIES)])
def test_a_stack_fails_with_the_refusal_or_takes_the_change_as_made(
    emr: EmrClient, resource: Callable[..., EmrCluster], old: dict[str, Any], new: dict[str, Any]
) -> None:
    """AWS documents neither; a rollback makes the same call with the properties of before."""
    cluster_id, _ = resource().create("Cluster", PROPERTIES, "stack")
    end(emr, cluster_id)
    with pytest.raises(ClientError, match="may not be modified"):
        resource(stacks_see_refusals=True).update(cluster_id, old, new)
    attributes = resource(stacks_see_refusals=False).update(cluster_id, old, new)
    assert attributes["Id"] == cluster_id


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"StepConcurrencyLevel": 2}, "StepConcurrencyLevel"),
        ({"Instances": {**PROPERTIES["Instances"], "TerminationProtected": True}}, "Instances"),
        ({"Tags": [{"Key": "stage", "Value": "dev"}]}, "Tags"),
    ],
)
def test_a_change_that_is_not_emulated_fails_the_stack(
    resource: Callable[..., EmrCluster], change: dict[str, Any], name: str
) -> None:
    """By its name: it would be lost otherwise."""
    cluster_id, _ = resource().create("Cluster", PROPERTIES, "stack")
    with pytest.raises(ValueError, match=f"a change of {name} of a cluster is not part"):
        resource().update(cluster_id, PROPERTIES, {**PROPERTIES, **change})


def test_other_refusals_always_reach_a_stack(emr: EmrClient, resource: Callable[..., EmrCluster]) -> None:
    """The cluster lives: the change itself is wrong."""
    cluster_id, _ = resource().create("Cluster", PROPERTIES, "stack")
    wrong = {**PROPERTIES, "AutoTerminationPolicy": {"IdleTimeout": "5"}}
    with pytest.raises(ClientError, match="between 60 and 604800"):
        resource(stacks_see_refusals=False).update(cluster_id, PROPERTIES, wrong)


def test_a_stack_deletes_what_emr_has_forgotten(resource: Callable[..., EmrCluster]) -> None:
    """What is gone already is no error."""
    resource().delete("j-FORGOTTEN", PROPERTIES)


def test_a_stack_refuses_a_word_that_stands_twice(resource: Callable[..., EmrCluster]) -> None:
    """CloudFormation's schema wants different items, also among a step's arguments."""
    steps = [{"Name": "s", "HadoopJarStep": {"Jar": "j", "Args": ["--conf", "a=1", "--conf", "b=2"]}}]
    with pytest.raises(ClusterFailedError) as refused:
        resource().create("Cluster", {**PROPERTIES, "Steps": steps}, "stack")
    assert str(refused.value) == (
        "Properties validation failed for resource Cluster with message:\n"
        "#/Steps/0/HadoopJarStep/Args: array items are not unique"
    )
