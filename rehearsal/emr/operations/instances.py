"""Operations that show a cluster's instances, fleets and groups."""

from typing import Any

from rehearsal.emr.errors import invalid_request
from rehearsal.emr.requests.fleets import describe_fleet
from rehearsal.emr.requests.groups import describe_group
from rehearsal.emr.requests.pages import INSTANCES_PAGE, page
from rehearsal.emr.state.account import AccountState
from rehearsal.emr.state.capacity import running_units
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.state.instance import Instance
from rehearsal.emr.state.pool import Pool

Request = dict[str, Any]
EXCLUSIVE = (
    "Instance fleets and instance groups are mutually exclusive. The EMR cluster specified in the request "
)
FLEETS_ONLY = (
    EXCLUSIVE + "uses instance groups. The ListInstanceFleets request does not support clusters that use "
    "instance groups. Use the ListInstanceGroups request instead."
)
GROUPS_ONLY = (
    EXCLUSIVE + "uses instance fleets. The ListInstanceGroups request does not support clusters that use "
    "instance fleets. Use the ListInstanceFleets request instead."
)


def list_instances(state: AccountState, request: Request) -> Request:
    """ListInstances: those that there are and were."""
    cluster = state.cluster(request["ClusterId"])
    with cluster.changed:
        found = [each for each in cluster.instances if _matches(cluster, each, request)]
        instances, marker = page(
            found,
            request.get("Marker"),
            lambda instance: instance.describe(of_fleet=cluster.uses_fleets),
            INSTANCES_PAGE,
        )
    return {"Instances": instances, "Marker": marker}


def list_fleets(state: AccountState, request: Request) -> Request:
    """ListInstanceFleets."""
    cluster = state.cluster(request["ClusterId"])
    if not cluster.uses_fleets:
        raise invalid_request(FLEETS_ONLY)
    with cluster.changed:
        fleets, marker = page(
            cluster.pools,
            request.get("Marker"),
            lambda pool: describe_fleet(pool, _running(cluster, pool)),
        )
    return {"InstanceFleets": fleets, "Marker": marker}


def list_groups(state: AccountState, request: Request) -> Request:
    """ListInstanceGroups."""
    cluster = state.cluster(request["ClusterId"])
    if cluster.uses_fleets:
        raise invalid_request(GROUPS_ONLY)
    with cluster.changed:
        groups, marker = page(
            cluster.pools,
            request.get("Marker"),
            lambda pool: describe_group(pool, sum(_running(cluster, pool).values())),
        )
    return {"InstanceGroups": groups, "Marker": marker}


def _running(cluster: Cluster, pool: Pool) -> dict[str, int]:
    return {str(market): units for market, units in running_units(cluster.of_pool(pool)).items()}


def _matches(cluster: Cluster, instance: Instance, request: Request) -> bool:
    pool_id = request.get("InstanceFleetId") or request.get("InstanceGroupId")
    if pool_id and pool_id not in [pool.id for pool in cluster.pools]:
        raise invalid_request(f"Instance fleet or group id '{pool_id}' is not valid.")
    roles = request.get("InstanceGroupTypes") or [request.get("InstanceFleetType")]
    states = request.get("InstanceStates")
    return (
        (not pool_id or instance.pool_id == pool_id)
        and (roles == [None] or instance.role in roles)
        and (not states or instance.state in states)
    )


OPERATIONS = {
    "ListInstances": list_instances,
    "ListInstanceFleets": list_fleets,
    "ListInstanceGroups": list_groups,
}
