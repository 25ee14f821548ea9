"""Instance fleets: from requests, and as answers show them."""

from typing import Any

from rehearsal.emr.errors import validation
from rehearsal.emr.identifiers import new_id
from rehearsal.emr.state.instance import reason, timeline
from rehearsal.emr.state.pool import Pool, block_devices, volumes_of

NO_CAPACITY = "At least one of TargetOnDemandCapacity and TargetSpotCapacity must be greater than 0"


def fleet(config: dict[str, Any]) -> Pool:
    """A fleet as an InstanceFleetConfig asks for it.

    Raises:
        EmrError: no instance types, no capacity, or a primary fleet of more than one instance.
    """
    role = config["InstanceFleetType"]
    targets = config.get("TargetOnDemandCapacity", 0), config.get("TargetSpotCapacity", 0)
    types = config.get("InstanceTypeConfigs")
    if not types:
        raise validation(f"The {role} instance fleet must have at least one instance type configuration.")
    if sum(targets) == 0:
        raise validation(f"{NO_CAPACITY} for the {role} instance fleet.")
    if role == "MASTER" and sum(targets) != 1:
        raise validation("The master instance fleet must have a target capacity of exactly 1, in one market.")
    return Pool(
        id=new_id("if"),
        kind="fleet",
        role=role,
        config=config,
        targets={"ON_DEMAND": targets[0], "SPOT": targets[1]},
        instance_type=types[0]["InstanceType"],
        units_each=1 if role == "MASTER" else max(1, types[0].get("WeightedCapacity", 1)),
        volumes_each=volumes_of(types[0]),
    )


def describe_fleet(pool: Pool, provisioned: dict[str, int]) -> dict[str, Any]:
    """As ListInstanceFleets shows it.

    Args:
        provisioned: Units that run, of each market.
    """
    return {
        "Id": pool.id,
        "Name": pool.name,
        "Status": {
            "State": pool.state,
            "StateChangeReason": reason(pool.code, pool.message),
            "Timeline": timeline(pool.created, pool.ready, pool.ended),
        },
        "InstanceFleetType": pool.role,
        "TargetOnDemandCapacity": pool.targets["ON_DEMAND"],
        "TargetSpotCapacity": pool.targets["SPOT"],
        "ProvisionedOnDemandCapacity": provisioned["ON_DEMAND"],
        "ProvisionedSpotCapacity": provisioned["SPOT"],
        "InstanceTypeSpecifications": [_type(each) for each in pool.config["InstanceTypeConfigs"]],
        "LaunchSpecifications": pool.config.get("LaunchSpecifications"),
        "ResizeSpecifications": pool.config.get("ResizeSpecifications"),
        "Context": pool.config.get("Context"),
    }


def _type(config: dict[str, Any]) -> dict[str, Any]:
    devices = {
        "EbsBlockDevices": block_devices(config),
        "EbsOptimized": config.get("EbsConfiguration", {}).get("EbsOptimized", False),
    }
    return {"WeightedCapacity": 1, **config, **devices}
