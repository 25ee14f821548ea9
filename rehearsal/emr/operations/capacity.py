"""Operations that add, grow and shrink fleets and groups."""

from typing import Any

from rehearsal.emr.errors import EmrError, invalid_request, validation
from rehearsal.emr.requests.fleets import fleet
from rehearsal.emr.requests.groups import attached_policy, group
from rehearsal.emr.requests.pool_requests import check_roles_of
from rehearsal.emr.state.account import AccountState, check_alive
from rehearsal.emr.state.cluster import READY, Cluster
from rehearsal.emr.state.pool import Pool

Request = dict[str, Any]


def add_fleet(state: AccountState, request: Request) -> Request:
    """AddInstanceFleet."""
    cluster = state.cluster(request["ClusterId"])
    with cluster.changed:
        check_alive(cluster)
        if not cluster.uses_fleets:
            raise invalid_request(
                "An instance fleet may only be added to a cluster that uses instance fleets."
            )
        pool = fleet(request["InstanceFleet"])
        check_roles_of([*cluster.pools, pool])
        cluster.pools.append(pool)
        cluster.notify()
    return {"ClusterId": cluster.id, "InstanceFleetId": pool.id, "ClusterArn": cluster.arn}


def add_groups(state: AccountState, request: Request) -> Request:
    """AddInstanceGroups: task groups, and a core group where there is none."""
    cluster = state.modifiable(request["JobFlowId"])
    with cluster.changed:
        if cluster.uses_fleets:
            raise validation("An instance group may only be added to a cluster that uses instance groups.")
        pools = [group(each) for each in request["InstanceGroups"]]
        check_roles_of([*cluster.pools, *pools])
        for pool in pools:
            if pool.scaling_policy:
                pool.scaling_policy = attached_policy(pool.scaling_policy, cluster.id)
        cluster.pools.extend(pools)
        cluster.notify()
    ids = [pool.id for pool in pools]
    return {"JobFlowId": cluster.id, "InstanceGroupIds": ids, "ClusterArn": cluster.arn}


def modify_fleet(state: AccountState, request: Request) -> Request:
    """ModifyInstanceFleet."""
    cluster = state.cluster(request["ClusterId"])
    asked = request["InstanceFleet"]
    with cluster.changed:
        check_alive(cluster)
        pool = find_pool(cluster, asked["InstanceFleetId"], "fleet")
        on_demand, spot = asked.get("TargetOnDemandCapacity"), asked.get("TargetSpotCapacity")
        _check_resize(cluster, pool, on_demand is not None or spot is not None)
        kept = {name: asked[name] for name in ("ResizeSpecifications", "Context") if name in asked}
        pool.config = {**pool.config, **kept}
        pool.set_targets(on_demand, spot)
        cluster.notify()
    return {}


def modify_groups(state: AccountState, request: Request) -> Request:
    """ModifyInstanceGroups: all of them, or none when one is refused."""
    asked = request.get("InstanceGroups", [])
    found = [_cluster_of(state, request.get("ClusterId"), each["InstanceGroupId"]) for each in asked]
    for cluster, each in zip(found, asked, strict=True):
        with cluster.changed:
            check_alive(cluster)
            pool = find_pool(cluster, each["InstanceGroupId"], "group")
            _check_resize(cluster, pool, each.get("InstanceCount") is not None)
            if each.get("InstanceCount", 0) < 0:
                raise validation("Instance count must not be negative.")
    for cluster, each in zip(found, asked, strict=True):
        with cluster.changed:
            _modify_group(find_pool(cluster, each["InstanceGroupId"], "group"), each)
            cluster.notify()
    return {}


def find_pool(cluster: Cluster, pool_id: str, kind: str) -> Pool:
    """A cluster's fleet or group.

    Raises:
        EmrError: it has none of that id.
    """
    for pool in cluster.pools:
        if pool.id == pool_id and pool.kind == kind:
            return pool
    raise unknown_pool(pool_id, kind)


def unknown_pool(pool_id: str, kind: str) -> EmrError:
    """There is no such fleet or group."""
    return invalid_request(f"Instance {kind} id '{pool_id}' is not valid.")


def _cluster_of(state: AccountState, cluster_id: str | None, group_id: str) -> Cluster:
    candidates = [state.cluster(cluster_id)] if cluster_id else state.clusters
    for cluster in candidates:
        if any(pool.id == group_id for pool in cluster.pools):
            return cluster
    raise unknown_pool(group_id, "group")


def _check_resize(cluster: Cluster, pool: Pool, resized: bool) -> None:
    if resized and pool.role == "MASTER":
        raise validation(f"The master instance {pool.kind} may not be resized.")
    if cluster.state not in READY:
        raise validation(
            f"An instance {pool.kind} may only be modified when the cluster is running or waiting."
        )


def _modify_group(pool: Pool, asked: Request) -> None:
    pool.doomed = set(asked.get("EC2InstanceIdsToTerminate", []))
    if "InstanceCount" in asked:
        spot = pool.market == "SPOT"
        pool.set_targets(*((None, asked["InstanceCount"]) if spot else (asked["InstanceCount"], None)))
    if "ShrinkPolicy" in asked:
        pool.config = {**pool.config, "ShrinkPolicy": asked["ShrinkPolicy"]}
    if "Configurations" in asked:
        pool.config = {**pool.config, "Configurations": asked["Configurations"]}
        pool.configurations_version += 1


OPERATIONS = {
    "AddInstanceFleet": add_fleet,
    "AddInstanceGroups": add_groups,
    "ModifyInstanceFleet": modify_fleet,
    "ModifyInstanceGroups": modify_groups,
}
