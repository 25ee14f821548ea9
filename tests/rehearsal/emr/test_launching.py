"""What an account does not have: vCPU beyond its quotas, and Spot without its service-linked role."""

from typing import Any

import pytest

from rehearsal.emr.life.launching import Surroundings
from tests.rehearsal.emr.emr_client import FLEETS, GROUPS, EmrClient, fleet, until

SPARK: dict[str, Any] = {"Applications": [{"Name": "Spark"}]}


def pools(emr: EmrClient, cluster_id: str) -> dict[str, Any]:
    told = emr.call("ListInstanceFleets", ClusterId=cluster_id)["InstanceFleets"]
    return {each["InstanceFleetType"]: each for each in told}


def task_fleet(action: str, spot: int = 2) -> dict[str, Any]:
    specification = {"TimeoutDurationMinutes": 5, "TimeoutAction": action}
    return {**fleet("TASK", spot=spot), "LaunchSpecifications": {"SpotSpecification": specification}}


def with_task_fleet(action: str) -> dict[str, Any]:
    return {"InstanceFleets": [fleet("MASTER", 1), fleet("CORE", 1), task_fleet(action)]}


def resize_task_fleet(emr: EmrClient, cluster_id: str, spot: int) -> None:
    change = {"InstanceFleetId": pools(emr, cluster_id)["TASK"]["Id"], "TargetSpotCapacity": spot}
    emr.call("ModifyInstanceFleet", ClusterId=cluster_id, InstanceFleet=change)


@pytest.mark.parametrize("instances", [FLEETS, GROUPS])
def test_a_cluster_beyond_the_on_demand_quota_ends(emr: EmrClient, instances: dict[str, Any]) -> None:
    """With EC2's words; m5.xlarge has 4 vCPU."""
    emr.service.conditions.change({"on_demand_vcpu": 7})
    reason = emr.wait(emr.run(instances), "TERMINATED_WITH_ERRORS")["Status"]["StateChangeReason"]
    assert reason["Code"] == "VALIDATION_ERROR"
    assert "more vCPU capacity than your current vCPU limit of 7 allows" in reason["Message"]


def test_all_clusters_of_an_account_count_together(emr: EmrClient) -> None:
    """What has ended counts no more; another region has quotas of its own."""
    emr.service.conditions.change({"on_demand_vcpu": 8})
    first = emr.wait(emr.run(FLEETS), "WAITING")["Id"]
    emr.wait(emr.run(FLEETS), "TERMINATED_WITH_ERRORS")
    emr.call("TerminateJobFlows", JobFlowIds=[first])
    emr.wait(first, "TERMINATED")
    emr.wait(emr.run(FLEETS), "WAITING")


def test_a_group_beyond_the_spot_quota_ends_the_cluster(emr: EmrClient) -> None:
    """It has no timeout to wait for."""
    emr.service.conditions.change({"spot_vcpu": 7})
    reason = emr.wait(emr.run(GROUPS), "TERMINATED_WITH_ERRORS")["Status"]["StateChangeReason"]
    assert reason["Message"] == "MaxSpotInstanceCountExceeded: Max spot instance count exceeded"


def test_spot_that_does_not_come_is_on_demand_after_the_timeout(emr: EmrClient) -> None:
    """And counts as On-Demand then; what came as Spot stays."""
    emr.service.conditions.change({"spot_vcpu": 4})
    cluster_id = emr.wait(emr.run(with_task_fleet("SWITCH_TO_ON_DEMAND")), "WAITING")["Id"]
    task = pools(emr, cluster_id)["TASK"]
    assert (task["ProvisionedSpotCapacity"], task["ProvisionedOnDemandCapacity"]) == (1, 1)


def test_the_fallback_to_on_demand_counts_against_that_quota(emr: EmrClient) -> None:
    """8 vCPU for primary and core, and none for the fallback."""
    emr.service.conditions.change({"spot_vcpu": 4, "on_demand_vcpu": 8})
    cluster_id = emr.run(with_task_fleet("SWITCH_TO_ON_DEMAND"))
    reason = emr.wait(cluster_id, "TERMINATED_WITH_ERRORS")["Status"]["StateChangeReason"]
    assert "current vCPU limit of 8" in reason["Message"]


def test_a_fleet_may_end_its_cluster_at_the_timeout(emr: EmrClient) -> None:
    """As its specification says."""
    emr.service.conditions.change({"spot_vcpu": 4})
    cluster_id = emr.run(with_task_fleet("TERMINATE_CLUSTER"))
    reason = emr.wait(cluster_id, "TERMINATED_WITH_ERRORS")["Status"]["StateChangeReason"]
    assert reason["Code"] == "INSTANCE_FLEET_TIMEOUT"


def test_a_running_cluster_gets_what_the_quota_allows_and_the_rest_when_it_is_raised(emr: EmrClient) -> None:
    """Its fleet goes on resizing and says why."""
    emr.service.conditions.change({"spot_vcpu": 8})
    cluster_id = emr.wait(emr.run(FLEETS, **SPARK), "WAITING")["Id"]
    resize_task_fleet(emr, cluster_id, 3)
    until(lambda: pools(emr, cluster_id)["TASK"]["ProvisionedSpotCapacity"] == 2)
    status = pools(emr, cluster_id)["TASK"]["Status"]
    assert (status["State"], status["StateChangeReason"]["Code"]) == ("RESIZING", "VALIDATION_ERROR")
    assert emr.state(cluster_id) == "WAITING"
    emr.service.conditions.change({"spot_vcpu": 12})
    until(lambda: pools(emr, cluster_id)["TASK"]["ProvisionedSpotCapacity"] == 3)
    assert pools(emr, cluster_id)["TASK"]["Status"]["StateChangeReason"] == {}


def test_managed_scaling_wants_no_more_of_what_does_not_come(emr: EmrClient) -> None:
    """Its target is one instance ahead, and another fleet takes what waits."""
    emr.service.conditions.change({"spot_vcpu": 4})
    limits = {"UnitType": "InstanceFleetUnits", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 4}
    cluster_id = emr.run(FLEETS, ManagedScalingPolicy={"ComputeLimits": limits}, **SPARK)
    emr.wait(cluster_id, "WAITING")
    emr.computes[cluster_id].pending_containers = 5
    until(lambda: pools(emr, cluster_id)["CORE"]["ProvisionedOnDemandCapacity"] == 3)
    assert pools(emr, cluster_id)["TASK"]["TargetSpotCapacity"] == 2


class NoSpotRole(Surroundings):
    """An account that never used Spot, and a service role that may not make its role."""

    def allows_spot(self, region: str, service_role: str) -> bool:
        return service_role == "may-create"


@pytest.fixture
def new_account() -> Any:
    client = EmrClient(surroundings=NoSpotRole())
    yield client
    client.service.stop()


@pytest.mark.parametrize("instances", [GROUPS, with_task_fleet("SWITCH_TO_ON_DEMAND")])
def test_spot_without_its_role_ends_the_cluster(new_account: EmrClient, instances: dict[str, Any]) -> None:
    """With EC2's words, whatever the fleet would do without Spot."""
    status = new_account.wait(new_account.run(instances), "TERMINATED_WITH_ERRORS")["Status"]
    assert status["StateChangeReason"]["Code"] == "VALIDATION_ERROR"
    assert "AuthFailure.ServiceLinkedRoleCreationNotPermitted" in status["StateChangeReason"]["Message"]


def test_a_service_role_that_may_create_spots_role_gets_spot(new_account: EmrClient) -> None:
    """And a cluster without Spot needs none."""
    new_account.wait(new_account.run(GROUPS, ServiceRole="may-create"), "WAITING")
    new_account.wait(new_account.run({"InstanceFleets": [fleet("MASTER", 1), fleet("CORE", 1)]}), "WAITING")
