"""Checks that the account has room for the cluster at its largest: quotas, and types that the zones offer."""

import math
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.config.deployment import DeploymentConfig
from infra.contract.aws_clients import EC2Client, ServiceQuotasClient
from infra.contract.names import cost_tags
from operate.readiness.check import Check


@dataclass(frozen=True)
class Quota:
    """One quota of the account and region, as Service Quotas knows it."""

    name: str
    service: str
    code: str


# Of the families A, C, D, H, I, M, R, T and Z, which all types here belong to.
ON_DEMAND = Quota("vCPU quota, on demand", "ec2", "L-1216C47A")
SPOT = Quota("vCPU quota, Spot", "ec2", "L-34B43A08")
VPCS = Quota("VPC quota", "vpc", "L-F678F1CE")
ADDRESSES = Quota("Elastic IP quota", "ec2", "L-0263D0A3")


def vcpu_need(config: DeploymentConfig) -> tuple[int, int]:
    """Return the vCPU of every fleet at its maximum, of its largest type: on demand, and on Spot.

    The Spot node that a fleet begins with is bought on demand when Spot has no room: it counts for both.
    """
    on_demand = spot = 0
    for fleet in config.fleets:
        vcpu = max(instance.vcpu for instance in fleet.instances)
        spot_nodes = math.ceil(fleet.maximum * fleet.spot_share)
        on_demand += (fleet.maximum - spot_nodes + min(spot_nodes, 1)) * vcpu
        spot += spot_nodes * vcpu
    return on_demand, spot


def check_vcpu(quotas: ServiceQuotasClient, quota: Quota, needed: int) -> Check:
    """Check that a quota of vCPU lets the largest cluster run; two, while a deploy replaces one."""
    allowed = _allowed(quotas, quota)
    found = f"{allowed:,} allowed, {needed:,} needed"
    if allowed < needed:
        advice = f"{_increase(quota, 2 * needed)}, or a smaller core_maximum or task_maximum"
        return Check(quota.name, "failed", found, advice)
    if allowed < 2 * needed:
        replacing = f"a deploy that replaces a running cluster needs {2 * needed:,}"
        return Check(quota.name, "warning", found, f"{replacing}: {_increase(quota, 2 * needed)}")
    return Check(quota.name, "ok", found)


def check_vpcs(ec2: EC2Client, quotas: ServiceQuotasClient, config: DeploymentConfig) -> Check:
    """Check that the region has room for the stage's own VPC."""
    if config.vpc_id:
        return Check(VPCS.name, "ok", f"{config.vpc_id} is used")
    vpcs = list(ec2.get_paginator("describe_vpcs").paginate().search("Vpcs[]"))
    return _room(quotas, VPCS, _others(vpcs, config), "vpc_id=… uses one that is there")


def check_addresses(ec2: EC2Client, quotas: ServiceQuotasClient, config: DeploymentConfig) -> Check:
    """Check that the region has room for the address of the stage's NAT gateway."""
    if config.vpc_id or config.network == "public":
        return Check(ADDRESSES.name, "ok", "none needed: no NAT gateway is made")
    addresses = ec2.describe_addresses()["Addresses"]
    return _room(quotas, ADDRESSES, _others(addresses, config), "release one that nobody uses")


def check_types(ec2: EC2Client, config: DeploymentConfig) -> Check:
    """Check that each fleet has a type that a zone of the region offers."""
    names = sorted({name for fleet in config.fleets for name in fleet.types})
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": names}]
    )
    zones: dict[str, set[str]] = {name: set() for name in names}
    for name, zone in pages.search("InstanceTypeOfferings[].[InstanceType, Location]"):
        zones.setdefault(name, set()).add(zone)
    found = ", ".join(f"{name} in {len(zones[name])} zones" for name in zones)
    without = [fleet for fleet in config.fleets if not any(zones[name] for name in fleet.types)]
    if without:
        needed = [f"{fleet.name}_instance_types needs one that {config.region} offers" for fleet in without]
        return Check("instance types", "failed", found, "; ".join(needed))
    missing = [name for name, there in zones.items() if not there]
    if missing:
        advice = f"take {', '.join(missing)} out of the fleets: EMR may refuse them"
        return Check("instance types", "warning", found, advice)
    return Check("instance types", "ok", found)


def _others(resources: list[Any], config: DeploymentConfig) -> int:
    """Return how many resources are there beside those of the stage, which carry its tags."""
    ours = cost_tags(config.stage).items()
    tags = ({tag["Key"]: tag["Value"] for tag in resource.get("Tags", ())} for resource in resources)
    return sum(not ours <= tag.items() for tag in tags)


def _room(quotas: ServiceQuotasClient, quota: Quota, others: int, instead: str) -> Check:
    """Check that a quota has room for one more beside the others."""
    allowed = _allowed(quotas, quota)
    found = f"{allowed:,} allowed, {others:,} beside this stage's"
    if others < allowed:
        return Check(quota.name, "ok", found)
    return Check(quota.name, "failed", found, f"{_increase(quota, others + 1)}, or {instead}")


def _increase(quota: Quota, value: int) -> str:
    request = f"aws service-quotas request-service-quota-increase --service-code {quota.service}"
    return f"{request} --quota-code {quota.code} --desired-value {value}"


def _allowed(quotas: ServiceQuotasClient, quota: Quota) -> int:
    place = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    try:
        answer: Any = quotas.get_service_quota(**place)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchResourceException":
            raise
        # Never changed: the account has AWS's default.
        answer = quotas.get_aws_default_service_quota(**place)
    return int(answer["Quota"]["Value"])
