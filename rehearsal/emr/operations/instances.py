"""Operations that show a cluster's instances, fleets and groups."""

from rehearsal.emr.errors import refused
from rehearsal.emr.operations.account import Account, Message
from rehearsal.emr.operations.cluster_description import reason, timeline
from rehearsal.emr.requests.instance_pools import block_devices, device_name
from rehearsal.emr.requests.pages import INSTANCES_PAGE, page
from rehearsal.emr.state.capacity import running_units
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.state.instance import Instance
from rehearsal.emr.state.pool import Pool


def list_instances(account: Account, request: Message) -> Message:
    """Return the instances that a cluster has and had, 2,000 a page."""
    cluster = account.cluster(request["ClusterId"])
    with cluster.changed:
        chosen = [instance for instance in cluster.instances if _matches(cluster, instance, request)]
        instances, marker = page(
            chosen,
            request.get("Marker"),
            lambda instance: _instance_description(cluster, instance),
            INSTANCES_PAGE,
        )
    return {"Instances": instances, "Marker": marker}


def list_instance_fleets(account: Account, request: Message) -> Message:
    """Return a cluster's fleets, 50 a page."""
    return _list_pools(account.cluster(request["ClusterId"]), request, "fleet")


def list_instance_groups(account: Account, request: Message) -> Message:
    """Return a cluster's groups, 50 a page."""
    return _list_pools(account.cluster(request["ClusterId"]), request, "group")


def _list_pools(cluster: Cluster, request: Message, kind: str) -> Message:
    used = "fleet" if cluster.uses_fleets else "group"
    if used != kind:
        raise refused(
            "Instance fleets and instance groups are mutually exclusive. The EMR cluster specified in the "
            f"request uses instance {used}s. The ListInstance{kind.title()}s request does not support "
            f"clusters that use instance {used}s. Use the ListInstance{used.title()}s request instead."
        )
    describe = _fleet_description if kind == "fleet" else _group_description
    with cluster.changed:
        pools, marker = page(cluster.pools, request.get("Marker"), lambda pool: describe(cluster, pool))
    return {f"Instance{kind.title()}s": pools, "Marker": marker}


def _matches(cluster: Cluster, instance: Instance, request: Message) -> bool:
    pool_id = request.get("InstanceFleetId") or request.get("InstanceGroupId")
    if pool_id and pool_id not in [pool.id for pool in cluster.pools]:
        raise refused(f"Instance fleet or group id '{pool_id}' is not valid.")
    roles = request.get("InstanceGroupTypes") or [request.get("InstanceFleetType")]
    states = request.get("InstanceStates")
    return (
        (not pool_id or instance.pool_id == pool_id)
        and (roles == [None] or instance.role in roles)
        and (not states or instance.state in states)
    )


def _instance_description(cluster: Cluster, instance: Instance) -> Message:
    return {
        "Id": instance.id,
        "Ec2InstanceId": instance.ec2_id,
        "PublicDnsName": instance.public_host,
        "PublicIpAddress": instance.public_address or None,
        "PrivateDnsName": instance.host,
        "PrivateIpAddress": instance.address,
        "Status": _status(instance),
        "InstanceFleetId" if cluster.uses_fleets else "InstanceGroupId": instance.pool_id,
        "Market": instance.market,
        "InstanceType": instance.type,
        "EbsVolumes": [
            {"Device": device_name(number), "VolumeId": volume}
            for number, volume in enumerate(instance.volume_ids)
        ],
    }


def _fleet_description(cluster: Cluster, fleet: Pool) -> Message:
    running = running_units(cluster.of_pool(fleet))
    return {
        **fleet.config,
        "Id": fleet.id,
        "Name": fleet.name,
        "Status": _status(fleet),
        "InstanceFleetType": fleet.role,
        "TargetOnDemandCapacity": fleet.targets["ON_DEMAND"],
        "TargetSpotCapacity": fleet.targets["SPOT"],
        "ProvisionedOnDemandCapacity": running["ON_DEMAND"],
        "ProvisionedSpotCapacity": running["SPOT"],
        "InstanceTypeSpecifications": [
            _type_description(config) for config in fleet.config["InstanceTypeConfigs"]
        ],
    }


def _type_description(config: Message) -> Message:
    optimized = config.get("EbsConfiguration", {}).get("EbsOptimized", False)
    return {
        "WeightedCapacity": 1,
        **config,
        "EbsBlockDevices": block_devices(config),
        "EbsOptimized": optimized,
    }


def _group_description(cluster: Cluster, group: Pool) -> Message:
    config = group.config
    return {
        **config,
        "Id": group.id,
        "Name": group.name,
        "Market": group.market,
        "InstanceGroupType": group.role,
        "RequestedInstanceCount": sum(group.targets.values()),
        "RunningInstanceCount": sum(running_units(cluster.of_pool(group)).values()),
        "Status": _status(group),
        "Configurations": config.get("Configurations", []),
        "EbsBlockDevices": block_devices(config),
        "EbsOptimized": config.get("EbsConfiguration", {}).get("EbsOptimized"),
        "ShrinkPolicy": config.get("ShrinkPolicy", {}),
    }


def _status(part: Instance | Pool) -> Message:
    return {
        "State": part.state,
        "StateChangeReason": reason(part.code, part.message),
        "Timeline": timeline(part),
    }
