"""Operations that grow and shrink fleets and groups."""

from rehearsal.emr.errors import EmrError, not_emulated, refused
from rehearsal.emr.operations.account import Account, Message, check_alive
from rehearsal.emr.state.cluster import READY, Cluster
from rehearsal.emr.state.pool import Pool


def modify_instance_fleet(account: Account, request: Message) -> Message:
    """Want another capacity of a fleet."""
    cluster = account.cluster(request["ClusterId"])
    change = request["InstanceFleet"]
    with cluster.changed:
        check_alive(cluster)
        fleet = _find_pool(cluster, change["InstanceFleetId"], "fleet")
        on_demand, spot = change.get("TargetOnDemandCapacity"), change.get("TargetSpotCapacity")
        _check_resize(cluster, fleet, on_demand is not None or spot is not None)
        recorded = {name: change[name] for name in ("ResizeSpecifications", "Context") if name in change}
        fleet.config = {**fleet.config, **recorded}
        fleet.set_targets(on_demand, spot)
        cluster.notify()
    return {}


def modify_instance_groups(account: Account, request: Message) -> Message:
    """Want other counts of groups: of all that are named, or of none when one is refused."""
    changes = [
        (_cluster_with(account, request.get("ClusterId"), change["InstanceGroupId"]), change)
        for change in request.get("InstanceGroups", [])
    ]
    for cluster, change in changes:
        with cluster.changed:
            check_alive(cluster)
            group = _find_pool(cluster, change["InstanceGroupId"], "group")
            _check_resize(cluster, group, "InstanceCount" in change)
            if change.get("InstanceCount", 0) < 0:
                raise refused("Instance count must not be negative.")
            if "Configurations" in change:
                raise not_emulated("Reconfiguration of an instance group")
    for cluster, change in changes:
        with cluster.changed:
            _modify_group(_find_pool(cluster, change["InstanceGroupId"], "group"), change)
            cluster.notify()
    return {}


def _find_pool(cluster: Cluster, pool_id: str, kind: str) -> Pool:
    for pool in cluster.pools:
        if pool.id == pool_id and pool.kind == kind:
            return pool
    raise _unknown_pool(pool_id, kind)


def _unknown_pool(pool_id: str, kind: str) -> EmrError:
    return refused(f"Instance {kind} id '{pool_id}' is not valid.")


def _cluster_with(account: Account, cluster_id: str | None, group_id: str) -> Cluster:
    for cluster in [account.cluster(cluster_id)] if cluster_id else account.clusters:
        if any(pool.id == group_id for pool in cluster.pools):
            return cluster
    raise _unknown_pool(group_id, "group")


# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-resize.html; the second one's words:
# https://github.com/hashicorp/terraform/issues/22116
def _check_resize(cluster: Cluster, pool: Pool, resized: bool) -> None:
    if resized and pool.role == "MASTER":
        raise refused(f"The master instance {pool.kind} may not be resized.")
    if cluster.state not in READY:
        raise refused(f"An instance {pool.kind} may only be modified when the cluster is running or waiting.")


def _modify_group(group: Pool, change: Message) -> None:
    group.leaving_first = set(change.get("EC2InstanceIdsToTerminate", []))
    if "InstanceCount" in change:
        count = change["InstanceCount"]
        group.set_targets(*((None, count) if group.market == "SPOT" else (count, None)))
    if "ShrinkPolicy" in change:
        group.config = {**group.config, "ShrinkPolicy": change["ShrinkPolicy"]}
