"""Fleets and groups as requests ask for them."""

from typing import Any

from rehearsal.emr.errors import not_emulated, refused
from rehearsal.emr.parts import Pool, new_id

# https://docs.aws.amazon.com/emr/latest/APIReference/API_InstanceFleetConfig.html
NO_CAPACITY = "At least one of TargetOnDemandCapacity and TargetSpotCapacity must be greater than 0"
# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-ha-launch.html
PRIMARIES = {
    "fleet": "The master instance fleet must have a target capacity of 1 in one market, or of 3 On-Demand.",
    "group": "Master instance group must have exactly 3 instances for HA clusters.",
}


def new_pools(instances: dict[str, Any]) -> list[Pool]:
    """Return the fleets or groups that `Instances` of RunJobFlow asks for.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_JobFlowInstancesConfig.html

    Raises:
        EmrError: there is neither or both, or their roles make no cluster.
    """
    fleets, groups = instances.get("InstanceFleets", []), instances.get("InstanceGroups", [])
    if bool(fleets) == bool(groups):
        raise refused("Exactly one of InstanceFleets and InstanceGroups must be specified.")
    if instances.get("Ec2SubnetId") and instances.get("Ec2SubnetIds"):
        raise refused("Only one of Ec2SubnetId and Ec2SubnetIds may be specified.")
    if groups and len(instances.get("Ec2SubnetIds", [])) > 1:
        raise refused("More than one subnet may be specified for instance fleets only.")
    pools = [_new_fleet(config) for config in fleets] if fleets else [_new_group(config) for config in groups]
    _check_roles(pools)
    return pools


def _new_fleet(config: dict[str, Any]) -> Pool:
    role = config["InstanceFleetType"]
    on_demand, spot = config.get("TargetOnDemandCapacity", 0), config.get("TargetSpotCapacity", 0)
    types = config.get("InstanceTypeConfigs")
    if not types:
        raise refused(f"The {role} instance fleet must have at least one instance type configuration.")
    if on_demand + spot == 0:
        raise refused(f"{NO_CAPACITY} for the {role} instance fleet.")
    return Pool(
        id=new_id("if"),
        kind="fleet",
        role=role,
        config=config,
        targets={"ON_DEMAND": on_demand, "SPOT": spot},
        instance_type=types[0]["InstanceType"],
        units_each=1 if role == "MASTER" else max(1, types[0].get("WeightedCapacity", 1)),
    )


def _new_group(config: dict[str, Any]) -> Pool:
    """Return a group as an InstanceGroupConfig asks for it.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_InstanceGroupConfig.html
    """
    count = config["InstanceCount"]
    if count < 0:
        raise refused("Instance count must not be negative.")
    if "AutoScalingPolicy" in config:
        raise not_emulated("AutoScalingPolicy of an instance group")
    spot = config.get("Market") == "SPOT" or ("Market" not in config and "BidPrice" in config)
    return Pool(
        id=new_id("ig"),
        kind="group",
        role=config["InstanceRole"],
        config={**config, "Market": "SPOT" if spot else "ON_DEMAND"},
        targets={"ON_DEMAND": 0 if spot else count, "SPOT": count if spot else 0},
        instance_type=config["InstanceType"],
        units_each=1,
    )


def _check_roles(pools: list[Pool]) -> None:
    """Refuse what has not one primary node and at most one core pool; of fleets, at most one task fleet."""
    roles, kind = [pool.role for pool in pools], pools[0].kind
    if roles.count("MASTER") != 1:
        raise refused(f"Exactly one master instance {kind} must be specified.")
    if roles.count("CORE") > 1:
        raise refused(f"Only one core instance {kind} may be specified.")
    if kind == "fleet" and roles.count("TASK") > 1:
        raise refused("Only one task instance fleet may be specified.")
    if "TASK" in roles and "CORE" not in roles:
        raise refused(f"A task instance {kind} needs a core instance {kind}.")
    targets = pools[roles.index("MASTER")].targets
    if sum(targets.values()) == 3 and (kind == "group" or not targets["SPOT"]):
        raise not_emulated("A cluster with three primary nodes")
    if sum(targets.values()) != 1:
        raise refused(PRIMARIES[kind])
