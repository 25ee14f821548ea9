"""Fleets, groups and their instances follow what is asked for, by hand or by managed scaling."""

from typing import Any

import pytest

from rehearsal.emr.errors import EmrError
from tests.rehearsal.emr.emr_client import FLEETS, GROUPS, EmrClient, fleet, until

SPARK: dict[str, Any] = {"Applications": [{"Name": "Spark"}]}


def limits(unit: str, least: int, most: int, **more: int) -> dict[str, Any]:
    told = {"UnitType": unit, "MinimumCapacityUnits": least, "MaximumCapacityUnits": most, **more}
    return {"ComputeLimits": told}


def fleets(emr: EmrClient, cluster_id: str) -> dict[str, Any]:
    told = emr.call("ListInstanceFleets", ClusterId=cluster_id)["InstanceFleets"]
    return {each["InstanceFleetType"]: each for each in told}


def groups(emr: EmrClient, cluster_id: str) -> dict[str, Any]:
    told = emr.call("ListInstanceGroups", ClusterId=cluster_id)["InstanceGroups"]
    return {each["InstanceGroupType"]: each for each in told}


def running(emr: EmrClient, cluster_id: str, role: str) -> int:
    return len(emr.nodes(cluster_id, role, "RUNNING"))


def test_a_fleet_has_its_units_in_each_market(emr: EmrClient) -> None:
    cluster_id = emr.run({"InstanceFleets": [fleet("MASTER", 1), fleet("CORE", 3, 2, weight=2)]})
    told = fleets(emr, cluster_id)["CORE"]
    assert (told["ProvisionedOnDemandCapacity"], told["ProvisionedSpotCapacity"]) == (4, 2)
    nodes = emr.nodes(cluster_id, "CORE")
    assert [node["Market"] for node in nodes].count("ON_DEMAND") == 2
    assert {node["InstanceType"] for node in nodes} == {"m5.xlarge"}
    assert {node["InstanceFleetId"] for node in nodes} == {told["Id"]}


def test_a_fleet_is_resized(emr: EmrClient) -> None:
    cluster_id = emr.run(FLEETS)
    core = fleets(emr, cluster_id)["CORE"]["Id"]
    resize = {"InstanceFleetId": core, "TargetOnDemandCapacity": 3, "TargetSpotCapacity": 1}
    emr.call("ModifyInstanceFleet", ClusterId=cluster_id, InstanceFleet=resize)
    until(lambda: running(emr, cluster_id, "CORE") == 4)
    resize = {"InstanceFleetId": core, "TargetOnDemandCapacity": 1, "TargetSpotCapacity": 0}
    emr.call("ModifyInstanceFleet", ClusterId=cluster_id, InstanceFleet=resize)
    until(lambda: running(emr, cluster_id, "CORE") == 1)
    gone = emr.nodes(cluster_id, "CORE", "TERMINATED")
    left = [where for what, where in emr.computes[cluster_id].calls if what == "leave"]
    assert {node["Ec2InstanceId"] for node in gone} == set(left)


def test_a_group_with_a_bid_is_spot(emr: EmrClient) -> None:
    task = {"InstanceRole": "TASK", "InstanceType": "m5.xlarge", "InstanceCount": 2, "BidPrice": "0.1"}
    told = groups(emr, emr.run({"InstanceGroups": [*GROUPS["InstanceGroups"][:2], task]}))["TASK"]
    assert (told["RunningInstanceCount"], told["Market"]) == (2, "SPOT")


def test_what_must_not_be_resized_is_refused(emr: EmrClient) -> None:
    cluster_id = emr.run(FLEETS)
    for fleet_id, message in (
        (fleets(emr, cluster_id)["MASTER"]["Id"], "master instance fleet may not be resized"),
        ("if-NONE", "Instance fleet id 'if-NONE' is not valid"),
    ):
        resize = {"InstanceFleetId": fleet_id, "TargetOnDemandCapacity": 2}
        with pytest.raises(EmrError, match=message):
            emr.call("ModifyInstanceFleet", ClusterId=cluster_id, InstanceFleet=resize)


def test_fleets_of_a_cluster_of_groups_are_not_listed(emr: EmrClient) -> None:
    with pytest.raises(EmrError, match="does not support clusters that use instance groups"):
        emr.call("ListInstanceFleets", ClusterId=emr.run())


def test_waiting_containers_bring_task_nodes_within_the_limits(emr: EmrClient) -> None:
    cluster_id = emr.run(FLEETS, ManagedScalingPolicy=limits("InstanceFleetUnits", 1, 4), **SPARK)
    emr.wait(cluster_id, "WAITING")
    emr.computes[cluster_id].pending_containers = 5
    until(lambda: running(emr, cluster_id, "TASK") == 3)
    assert fleets(emr, cluster_id)["TASK"]["TargetSpotCapacity"] == 3
    new = emr.nodes(cluster_id, "TASK")[-1]
    assert new["Market"] == "SPOT"
    assert ("join", new["Ec2InstanceId"]) in emr.computes[cluster_id].calls
    assert running(emr, cluster_id, "CORE") == 1


def test_core_nodes_come_where_there_are_no_task_nodes_up_to_their_limit(emr: EmrClient) -> None:
    two = {"InstanceFleets": FLEETS["InstanceFleets"][:2]}
    policy = limits("InstanceFleetUnits", 1, 4, MaximumCoreCapacityUnits=2)
    cluster_id = emr.run(two, ManagedScalingPolicy=policy, **SPARK)
    emr.wait(cluster_id, "WAITING")
    emr.computes[cluster_id].pending_containers = 5
    until(lambda: running(emr, cluster_id, "CORE") == 2)
    emr.wait(cluster_id, "WAITING")
    assert fleets(emr, cluster_id)["CORE"]["TargetOnDemandCapacity"] == 2


def test_beyond_the_on_demand_limit_nodes_are_spot(emr: EmrClient) -> None:
    three = {"InstanceFleets": [fleet("MASTER", 1), fleet("CORE", 1), fleet("TASK", 1)]}
    policy = limits("InstanceFleetUnits", 2, 4, MaximumOnDemandCapacityUnits=3, MaximumCoreCapacityUnits=1)
    cluster_id = emr.run(three, ManagedScalingPolicy=policy, **SPARK)
    emr.wait(cluster_id, "WAITING")
    emr.computes[cluster_id].pending_containers = 5
    until(lambda: running(emr, cluster_id, "TASK") == 3)
    told = fleets(emr, cluster_id)["TASK"]
    assert (told["TargetOnDemandCapacity"], told["TargetSpotCapacity"]) == (2, 1)


def test_idle_nodes_leave_task_first_down_to_the_minimum(emr: EmrClient) -> None:
    cluster_id = emr.run(GROUPS, ManagedScalingPolicy=limits("Instances", 1, 5), **SPARK)
    emr.wait(cluster_id, "WAITING")
    until(lambda: running(emr, cluster_id, "CORE") + running(emr, cluster_id, "TASK") == 1)
    calls = emr.computes[cluster_id].calls
    left = [where for what, where in calls if what == "leave"]
    assert left[0] == emr.nodes(cluster_id, "TASK")[0]["Ec2InstanceId"]
    assert running(emr, cluster_id, "CORE") == 1


def test_a_node_with_containers_stays(emr: EmrClient) -> None:
    cluster_id = emr.run(GROUPS, ManagedScalingPolicy=limits("Instances", 2, 9), **SPARK)
    task = emr.nodes(cluster_id, "TASK")[0]["Ec2InstanceId"]
    until(lambda: cluster_id in emr.computes)
    emr.computes[cluster_id].containers[task] = 1
    emr.wait(cluster_id, "WAITING")
    until(lambda: running(emr, cluster_id, "CORE") == 1)
    assert running(emr, cluster_id, "TASK") == 1


def test_a_cluster_grows_to_a_new_minimum(emr: EmrClient) -> None:
    cluster_id = emr.run(GROUPS, **SPARK)
    emr.wait(cluster_id, "WAITING")
    emr.call("PutManagedScalingPolicy", ClusterId=cluster_id, ManagedScalingPolicy=limits("Instances", 5, 6))
    until(lambda: running(emr, cluster_id, "TASK") == 3)


@pytest.mark.parametrize("instances", [FLEETS, GROUPS])
def test_an_interrupted_task_node_is_gone_at_once_and_replaced(
    emr: EmrClient, instances: dict[str, Any]
) -> None:
    cluster_id = emr.run(instances, **SPARK)
    emr.wait(cluster_id, "WAITING")
    lost = emr.service.interrupt(cluster_id)
    gone = emr.nodes(cluster_id, "TASK", "TERMINATED")
    assert [node["Ec2InstanceId"] for node in gone] == [lost]
    assert "SpotInstanceTermination" in gone[0]["Status"]["StateChangeReason"]["Message"]
    until(lambda: running(emr, cluster_id, "TASK") == 1)
    assert ("lose", lost) in emr.computes[cluster_id].calls


def test_without_a_task_node_there_is_nothing_to_interrupt(emr: EmrClient) -> None:
    with pytest.raises(EmrError, match="No cluster has a running task node"):
        emr.service.interrupt()


def test_a_node_whose_processes_died_is_replaced(emr: EmrClient) -> None:
    cluster_id = emr.run(GROUPS, **SPARK)
    emr.wait(cluster_id, "WAITING")
    dead = emr.nodes(cluster_id, "CORE")[0]["Ec2InstanceId"]
    emr.computes[cluster_id].dead.add(dead)
    until(lambda: len(emr.nodes(cluster_id, "CORE")) == 3 and running(emr, cluster_id, "CORE") == 2)
    assert [node["Ec2InstanceId"] for node in emr.nodes(cluster_id, "CORE", "TERMINATED")] == [dead]


def test_a_fleet_whose_new_nodes_keep_failing_is_suspended(emr: EmrClient) -> None:
    action = {"Name": "a", "ScriptBootstrapAction": {"Path": "s3://b/setup.sh"}}
    cluster_id = emr.run(FLEETS, BootstrapActions=[action], **SPARK)
    emr.wait(cluster_id, "WAITING")
    emr.computes[cluster_id].bootstrap_fails = True
    change = {"InstanceFleetId": fleets(emr, cluster_id)["TASK"]["Id"], "TargetSpotCapacity": 2}
    emr.call("ModifyInstanceFleet", ClusterId=cluster_id, InstanceFleet=change)
    until(lambda: fleets(emr, cluster_id)["TASK"]["Status"]["State"] == "SUSPENDED")
    assert len(emr.nodes(cluster_id, "TASK", "TERMINATED")) == 3
    assert emr.state(cluster_id) == "WAITING"


ON_CORE = {
    "Classification": "yarn-site",
    "Properties": {
        "yarn.node-labels.enabled": "true",
        "yarn.node-labels.am.default-node-label-expression": "CORE",
    },
}


def labelled(emr: EmrClient, instances: dict[str, Any], release: str = "emr-7.2.0") -> str:
    """A scaled cluster whose application masters run on core nodes alone."""
    policy = limits("InstanceFleetUnits", 2, 6)
    cluster_id = emr.run(
        instances, ManagedScalingPolicy=policy, Configurations=[ON_CORE], ReleaseLabel=release, **SPARK
    )
    emr.wait(cluster_id, "WAITING")
    return cluster_id


def test_under_labels_executors_that_wait_bring_task_nodes_alone(emr: EmrClient) -> None:
    """Up to the limit of all; core nodes come for masters."""
    cluster_id = labelled(emr, FLEETS)
    compute = emr.computes[cluster_id]
    compute.pending_containers = 3
    until(lambda: running(emr, cluster_id, "TASK") == 5)
    assert running(emr, cluster_id, "CORE") == 1


def test_under_labels_masters_that_wait_bring_core_nodes_alone(emr: EmrClient) -> None:
    """And idle task nodes leave meanwhile."""
    cluster_id = labelled(emr, FLEETS)
    compute = emr.computes[cluster_id]
    compute.containers = {node["Ec2InstanceId"]: 1 for node in emr.nodes(cluster_id, "CORE")}
    compute.pending_containers = compute.pending_masters = 2
    until(lambda: running(emr, cluster_id, "CORE") >= 3)
    assert running(emr, cluster_id, "TASK") <= 1
    until(lambda: running(emr, cluster_id, "TASK") == 0)


@pytest.mark.parametrize(("release", "cores"), [("emr-7.2.0", 2), ("emr-7.1.0", 6)])
def test_under_labels_executors_bring_nothing_where_there_is_no_task_fleet(
    emr: EmrClient, release: str, cores: int
) -> None:
    """Before release 7.2 labels did not matter: core nodes came for all."""
    cluster_id = labelled(emr, {"InstanceFleets": [fleet("MASTER", 1), fleet("CORE", 2)]}, release)
    compute = emr.computes[cluster_id]
    compute.pending_containers = 4
    asked = len(compute.asked)
    until(lambda: running(emr, cluster_id, "CORE") == cores and len(compute.asked) > asked + 20)
    assert fleets(emr, cluster_id)["CORE"]["TargetOnDemandCapacity"] == cores
