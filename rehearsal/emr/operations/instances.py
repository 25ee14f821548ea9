"""Operations on a cluster's instances, fleets and groups."""

from functools import partial

from rehearsal.emr.cluster import Cluster
from rehearsal.emr.errors import refused
from rehearsal.emr.operations.account import Account, Message, check_alive
from rehearsal.emr.operations.descriptions import page, status
from rehearsal.emr.parts import MARKETS, READY, Instance, Market, Pool, units


def list_instances(account: Account, request: Message) -> Message:
    """Return the instances that a cluster has and had, 2,000 a page."""
    cluster = account.cluster(request["ClusterId"])
    pool_id = request.get("InstanceFleetId") or request.get("InstanceGroupId")
    if pool_id and pool_id not in [pool.id for pool in cluster.pools]:
        raise refused(f"Instance fleet or group id '{pool_id}' is not valid.")
    roles = request.get("InstanceGroupTypes") or [request.get("InstanceFleetType")]
    states = request.get("InstanceStates")

    def describe(instance: Instance) -> Message:
        return {
            "Id": instance.id,
            "Ec2InstanceId": instance.ec2_id,
            "PublicDnsName": instance.public_host,
            "PublicIpAddress": instance.public_address or None,
            "PrivateDnsName": instance.host,
            "PrivateIpAddress": instance.address,
            "Status": status(instance),
            "InstanceFleetId" if cluster.uses_fleets else "InstanceGroupId": instance.pool_id,
            "Market": instance.market,
            "InstanceType": instance.type,
        }

    with cluster.changed:
        chosen = [
            instance
            for instance in cluster.instances
            if (not pool_id or instance.pool_id == pool_id)
            and (roles == [None] or instance.role in roles)
            and (not states or instance.state in states)
        ]
        return page("Instances", chosen, request, describe, size=2000)


def _list_pools(kind: str, account: Account, request: Message) -> Message:
    """Return a cluster's fleets or groups, 50 a page; `aws emr describe-cluster` asks for groups."""
    cluster = account.cluster(request["ClusterId"])
    used = cluster.pools[0].kind
    if used != kind:
        raise refused(
            "Instance fleets and instance groups are mutually exclusive. The EMR cluster specified in the "
            f"request uses instance {used}s. The ListInstance{kind.title()}s request does not support "
            f"clusters that use instance {used}s. Use the ListInstance{used.title()}s request instead."
        )
    with cluster.changed:
        describe = partial(_pool_description, cluster)
        return page(f"Instance{kind.title()}s", cluster.pools, request, describe)


list_instance_fleets, list_instance_groups = partial(_list_pools, "fleet"), partial(_list_pools, "group")


def modify_instance_fleet(account: Account, request: Message) -> Message:
    """Want another capacity of a fleet; one that was suspended tries again.

    Sources: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-resize.html; the second
    refusal's words: https://github.com/hashicorp/terraform/issues/22116
    """
    cluster = account.cluster(request["ClusterId"])
    change = request["InstanceFleet"]
    targets: dict[Market, str] = {"ON_DEMAND": "TargetOnDemandCapacity", "SPOT": "TargetSpotCapacity"}
    wanted: dict[Market, int] = {market: change[name] for market, name in targets.items() if name in change}
    with cluster.changed:
        check_alive(cluster)
        fleet = next((pool for pool in cluster.pools if pool.id == change["InstanceFleetId"]), None)
        if fleet is None:
            raise refused(f"Instance fleet id '{change['InstanceFleetId']}' is not valid.")
        if wanted and fleet.role == "MASTER":
            raise refused("The master instance fleet may not be resized.")
        if cluster.state not in READY:
            raise refused("An instance fleet may only be modified when the cluster is running or waiting.")
        recorded = {name: change[name] for name in ("ResizeSpecifications", "Context") if name in change}
        fleet.config = {**fleet.config, **recorded}
        fleet.targets = {**fleet.targets, **wanted}
        fleet.failures = 0
        cluster.notify()
    return {}


def _pool_description(cluster: Cluster, pool: Pool) -> Message:
    """Return what is shown of a fleet or a group; the answer drops what its kind does not have."""
    instances = [instance for instance in cluster.of_pool(pool) if instance.state == "RUNNING"]
    running = {market: units(one for one in instances if one.market == market) for market in MARKETS}
    types = pool.config.get("InstanceTypeConfigs", [])
    return {
        **pool.config,
        "Id": pool.id,
        "Name": pool.name,
        "Status": status(pool),
        "InstanceFleetType": pool.role,
        "TargetOnDemandCapacity": pool.targets["ON_DEMAND"],
        "TargetSpotCapacity": pool.targets["SPOT"],
        "ProvisionedOnDemandCapacity": running["ON_DEMAND"],
        "ProvisionedSpotCapacity": running["SPOT"],
        "InstanceTypeSpecifications": [{"WeightedCapacity": 1, **config} for config in types],
        "InstanceGroupType": pool.role,
        "RequestedInstanceCount": sum(pool.targets.values()),
        "RunningInstanceCount": sum(running.values()),
        "Configurations": pool.config.get("Configurations", []),
    }
