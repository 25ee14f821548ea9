"""Requests and answers: what comes back, and what EMR refuses."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rehearsal.emr.errors import EmrError
from rehearsal.emr.protocol import service_model
from rehearsal.emr.service import OPERATIONS
from tests.rehearsal.emr.emr_client import FLEETS, GROUPS, EmrClient, fleet, step, until

# Of what EMR has, neither the stacks, nor `operate`, nor the documented command lines ask for these.
NOT_EMULATED = {
    *("AddInstanceFleet", "AddInstanceGroups", "AddTags", "DescribeJobFlows", "DescribeReleaseLabel"),
    *("ListSecurityConfigurations", "ModifyCluster", "ModifyInstanceGroups"),
    *("PutAutoScalingPolicy", "PutBlockPublicAccessConfiguration", "RemoveAutoScalingPolicy"),
    "RemoveTags",
    *("SetKeepJobFlowAliveWhenNoSteps", "SetTerminationProtection", "SetUnhealthyNodeReplacement"),
    "SetVisibleToAllUsers",
}
NOT_EMULATED_KINDS = ("Studio", "Session", "Notebook", "PersistentApp", "OnClusterApp")


def test_what_was_asked_for_is_described(emr: EmrClient) -> None:
    asked: dict[str, Any] = {
        "LogUri": "s3://logs/",
        "SecurityConfiguration": "secure",
        "Configurations": [{"Classification": "yarn-site", "Properties": {"a": "b"}}],
        "CustomAmiId": "ami-1",
        "EbsRootVolumeSize": 30,
        "OSReleaseLabel": "2023.1",
        "AutoScalingRole": "r",
        "ScaleDownBehavior": "TERMINATE_AT_TASK_COMPLETION",
        "StepConcurrencyLevel": 1,
        "Tags": [{"Key": "k", "Value": "v"}],
    }
    emr.call("CreateSecurityConfiguration", Name="secure", SecurityConfiguration="{}")
    network = {"Ec2SubnetIds": ["subnet-1", "subnet-2"], "EmrManagedMasterSecurityGroup": "sg-1"}
    told = emr.cluster(emr.run({**FLEETS, **network}, **asked, Applications=[{"Name": "Spark"}]))
    assert {name: told[name] for name in asked} == asked
    assert told["Applications"] == [{"Name": "Spark"}]
    assert told["Ec2InstanceAttributes"]["RequestedEc2SubnetIds"] == ["subnet-1", "subnet-2"]
    assert told["Ec2InstanceAttributes"]["EmrManagedMasterSecurityGroup"] == "sg-1"
    assert told["InstanceCollectionType"] == "INSTANCE_FLEET"
    assert told["ClusterArn"].endswith(f":cluster/{told['Id']}")


def test_every_operation_answers_or_is_refused_by_name(emr: EmrClient) -> None:
    refused = set(service_model().operation_names) - set(OPERATIONS)
    others = {name for name in refused if not any(kind in name for kind in NOT_EMULATED_KINDS)}
    assert others == NOT_EMULATED
    for name in ("ListStudios", "DescribeJobFlows"):
        with pytest.raises(EmrError, match=f"{name} is not part of the rehearsal") as error:
            emr.call(name)
        assert error.value.code == "InvalidRequestException"
    with pytest.raises(EmrError, match="has no operation Dance") as error:
        emr.service.handle("Dance", {}, account="1", region="r")
    assert error.value.code == "UnknownOperationException"


def test_parameters_that_are_not_emulated_are_refused_by_name(emr: EmrClient) -> None:
    scaling = {"Constraints": {"MinCapacity": 1, "MaxCapacity": 3}, "Rules": []}
    primary = GROUPS["InstanceGroups"][0]
    by_vcpu = {"UnitType": "VCPU", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 8}
    requests: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"InstanceGroups": [{**primary, "AutoScalingPolicy": scaling}]}, {}, "AutoScalingPolicy of an"),
        ({"InstanceGroups": [{**primary, "InstanceCount": 3}]}, {}, "A cluster with three primary nodes"),
        ({"InstanceFleets": [fleet("MASTER", 3)]}, {}, "A cluster with three primary nodes"),
        ({**GROUPS, "TerminationProtected": True}, {}, "Termination protection"),
        (GROUPS, {"StepConcurrencyLevel": 2}, "More than one step at once"),
        (GROUPS, {"ManagedScalingPolicy": {"ComputeLimits": by_vcpu}}, "Managed scaling by vCPU"),
    ]
    for instances, more, subject in requests:
        with pytest.raises(EmrError, match=f"{subject}.* is not part of the rehearsal"):
            emr.run(instances, **more)


def test_accounts_and_regions_do_not_see_each_other(emr: EmrClient) -> None:
    cluster_id = emr.run()
    assert emr.call("ListClusters", region="us-east-1")["Clusters"] == []
    with pytest.raises(EmrError, match=f"Cluster id '{cluster_id}' is not valid"):
        emr.call("DescribeCluster", region="us-east-1", ClusterId=cluster_id)


@pytest.mark.parametrize(
    ("instances", "more", "message"),
    [
        ({**GROUPS, **FLEETS}, {}, "Exactly one of InstanceFleets and InstanceGroups"),
        ({"InstanceCount": 2}, {}, "Exactly one of InstanceFleets and InstanceGroups"),
        ({"InstanceGroups": GROUPS["InstanceGroups"][:2] * 2}, {}, "Exactly one master instance group"),
        ({"InstanceGroups": [*GROUPS["InstanceGroups"], GROUPS["InstanceGroups"][1]]}, {}, "Only one core"),
        ({"InstanceFleets": [fleet("CORE", 1)]}, {}, "Exactly one master instance fleet"),
        ({"InstanceFleets": [fleet("MASTER", 1), fleet("CORE")]}, {}, "must be greater than 0"),
        (GROUPS, {"ReleaseLabel": "emr-x"}, "supplied release label is invalid: emr-x"),
        (GROUPS, {"ServiceRole": ""}, "ServiceRole is required"),
        (GROUPS, {"Applications": [{"Name": "Word"}]}, "word are invalid for release"),
        (GROUPS, {"AutoTerminationPolicy": {"IdleTimeout": 5}}, "between 60 and 604800"),
        (GROUPS, {"SecurityConfiguration": "none"}, "name 'none' does not exist"),
        (GROUPS, {"Name": "n" * 257}, "have length less than or equal to 256"),
        (GROUPS, {"ScaleDownBehavior": "NEVER"}, "satisfy enum value set"),
        (GROUPS, {"Tags": [{"Key": "aws:x", "Value": ""}]}, "must not begin with 'aws:'"),
        (GROUPS, {"Tags": [{"Key": str(n), "Value": ""} for n in range(51)]}, "at most 50 tags"),
        (GROUPS, {"Steps": [step()] * 257}, "maximum of 256 steps"),
    ],
)
def test_bad_requests_for_a_cluster_are_refused(
    emr: EmrClient, instances: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(EmrError, match=message):
        emr.run(instances, **more)
    assert emr.call("ListClusters")["Clusters"] == []


def test_a_request_of_wrong_types_is_refused(emr: EmrClient) -> None:
    with pytest.raises(EmrError) as error:
        emr.service.handle("DescribeCluster", {"ClusterId": 3}, account="1", region="r")
    assert error.value.code == "SerializationException"
    with pytest.raises(EmrError, match="'clusterId' failed to satisfy constraint: Member must not be null"):
        emr.service.handle("DescribeCluster", {}, account="1", region="r")


def test_clusters_are_listed_newest_first_by_page_state_and_time(emr: EmrClient) -> None:
    clusters = [emr.run(Name=str(number)) for number in range(55)]
    emr.call("TerminateJobFlows", JobFlowIds=clusters[:3])
    first = emr.call("ListClusters")
    second = emr.call("ListClusters", Marker=first["Marker"])
    assert [told["Id"] for told in first["Clusters"] + second["Clusters"]] == clusters[::-1]
    for cluster_id in clusters[:3]:
        emr.wait(cluster_id, "TERMINATED")
    ended = emr.call("ListClusters", ClusterStates=["TERMINATED"])["Clusters"]
    assert [told["Id"] for told in ended] == clusters[2::-1]
    hour = timedelta(hours=1)
    assert emr.call("ListClusters", CreatedAfter=datetime.now(UTC) + hour)["Clusters"] == []
    assert emr.call("ListClusters", CreatedBefore=datetime.now(UTC) - hour)["Clusters"] == []
    assert len(emr.call("ListClusters", CreatedAfter=datetime.now(UTC) - hour)["Clusters"]) == 50


def test_security_configurations_are_kept_by_name(emr: EmrClient) -> None:
    text = json.dumps({"EncryptionConfiguration": {}})
    emr.call("CreateSecurityConfiguration", Name="one", SecurityConfiguration=text)
    assert emr.call("DescribeSecurityConfiguration", Name="one")["SecurityConfiguration"] == text
    with pytest.raises(EmrError, match="'one' already exists"):
        emr.call("CreateSecurityConfiguration", Name="one", SecurityConfiguration=text)
    with pytest.raises(EmrError, match="must be a JSON document"):
        emr.call("CreateSecurityConfiguration", Name="two", SecurityConfiguration="{")
    emr.call("DeleteSecurityConfiguration", Name="one")
    with pytest.raises(EmrError, match="'one' does not exist"):
        emr.call("DescribeSecurityConfiguration", Name="one")


def test_public_access_is_blocked_but_for_ssh(emr: EmrClient) -> None:
    told = emr.call("GetBlockPublicAccessConfiguration")["BlockPublicAccessConfiguration"]
    assert told["BlockPublicSecurityGroupRules"]
    assert told["PermittedPublicSecurityGroupRuleRanges"] == [{"MinRange": 22, "MaxRange": 22}]


def test_policies_are_put_told_and_removed(emr: EmrClient) -> None:
    cluster_id = emr.run(FLEETS)
    limits = {"UnitType": "InstanceFleetUnits", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 3}
    for name, policy in [
        ("ManagedScaling", {"ComputeLimits": limits}),
        ("AutoTermination", {"IdleTimeout": 604_800}),
    ]:
        asked: dict[str, Any] = {f"{name}Policy": policy}
        emr.call(f"Put{name}Policy", ClusterId=cluster_id, **asked)
        assert emr.call(f"Get{name}Policy", ClusterId=cluster_id) == asked
        emr.call(f"Remove{name}Policy", ClusterId=cluster_id)
        assert emr.call(f"Get{name}Policy", ClusterId=cluster_id) == {}


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 2}, "not valid for a"),
        ({"UnitType": "InstanceFleetUnits", "MinimumCapacityUnits": 3, "MaximumCapacityUnits": 2}, "3 and 2"),
    ],
)
def test_contradictory_limits_are_refused(emr: EmrClient, limits: dict[str, Any], message: str) -> None:
    cluster_id = emr.run(FLEETS)
    with pytest.raises(EmrError, match=message):
        emr.call(
            "PutManagedScalingPolicy", ClusterId=cluster_id, ManagedScalingPolicy={"ComputeLimits": limits}
        )


def test_another_number_of_primary_nodes_is_refused(emr: EmrClient) -> None:
    primary = GROUPS["InstanceGroups"][0]
    for count in (0, 2, 4):
        with pytest.raises(EmrError, match="exactly 3 instances"):
            emr.run({"InstanceGroups": [{**primary, "InstanceCount": count}]}, ServiceRole="")
    for on_demand, spot in ((2, 0), (4, 0), (0, 3), (1, 1)):
        with pytest.raises(EmrError, match="a target capacity of 1 in one market, or of 3 On-Demand"):
            emr.run({"InstanceFleets": [fleet("MASTER", on_demand, spot)]})


def test_releases_are_listed_by_prefix(emr: EmrClient) -> None:
    assert emr.call("ListReleaseLabels", Filters={"Prefix": "emr-7.9"})["ReleaseLabels"] == ["emr-7.9.0"]
    assert emr.call("ListReleaseLabels")["ReleaseLabels"][0] == "emr-7.13.0"
    with pytest.raises(EmrError, match="filter of releases by application is not part of the rehearsal"):
        emr.call("ListReleaseLabels", Filters={"Application": "Spark@3.5.5"})


def test_supported_instance_types_are_those_of_the_survey(emr: EmrClient) -> None:
    first = emr.call("ListSupportedInstanceTypes", ReleaseLabel="emr-7.9.0")
    types = first["SupportedInstanceTypes"]
    assert len(types) == 50
    assert all(supported["VCPU"] > 0 for supported in types)
    second = emr.call("ListSupportedInstanceTypes", ReleaseLabel="emr-7.9.0", Marker=first["Marker"])
    known = {supported["Type"]: supported for supported in types + second["SupportedInstanceTypes"]}
    assert (known["m5.xlarge"]["VCPU"], known["m5.xlarge"]["MemoryGB"]) == (4, 16)


def test_events_tell_of_steps_and_clusters(emr: EmrClient) -> None:
    cluster_id = emr.run(FLEETS, keep=False, Steps=[step("bad", "exit", "1", on_failure="CONTINUE")])
    emr.wait(cluster_id, "TERMINATED")
    ended = {"detail_type": "EMR Cluster State Change", "state": "TERMINATED"}
    until(lambda: [emr.events[-1].detail_type, emr.events[-1].detail["state"]] == list(ended.values()))
    states: dict[str, list[str]] = {}
    for event in emr.events:
        assert (event.account, event.region) == ("111122223333", "eu-west-1")
        assert event.detail["clusterId"] == cluster_id
        states.setdefault(event.detail_type, []).append(event.detail["state"])
    assert states["EMR Step Status Change"] == ["PENDING", "RUNNING", "FAILED"]
    assert states["EMR Cluster State Change"] == [
        *("STARTING", "BOOTSTRAPPING", "RUNNING", "TERMINATING", "TERMINATED")
    ]
    assert json.loads(emr.events[-1].detail["stateChangeReason"])["code"] == "ALL_STEPS_COMPLETED"
    failed = next(event.detail for event in emr.events if event.detail["state"] == "FAILED")
    assert (failed["severity"], failed["name"], failed["actionOnFailure"]) == ("ERROR", "bad", "CONTINUE")
