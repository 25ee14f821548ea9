"""Checks that the account can have the cluster at its largest: vCPU quotas, types that the zones offer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.config.deployment import DeploymentConfig
from infra.config.fleets import Fleet
from operate.readiness.check import Check

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_service_quotas import ServiceQuotasClient


@dataclass(frozen=True)
class VcpuNeed:
    """vCPU of the largest cluster, by what counts against each quota."""

    on_demand: int
    spot: int


# Of the families A, C, D, H, I, M, R, T and Z, which all types here belong to.
ON_DEMAND_QUOTA = "L-1216C47A"
SPOT_QUOTA = "L-34B43A08"


def vcpu_need(config: DeploymentConfig) -> VcpuNeed:
    """Return the vCPU of every fleet at its maximum, of its largest type."""
    need = VcpuNeed(0, 0)
    for fleet in config.fleets:
        vcpu = max(instance.vcpu for instance in fleet.instances)
        spot = math.ceil(fleet.maximum * fleet.spot_share)
        need = VcpuNeed(need.on_demand + (fleet.maximum - spot) * vcpu, need.spot + spot * vcpu)
    return need


def check_quota(quotas: ServiceQuotasClient, code: str, needed: int) -> Check:
    """Check that a quota of vCPU lets the largest cluster run; two, while a deploy replaces one."""
    name = "vCPU quota, Spot" if code == SPOT_QUOTA else "vCPU quota, on demand"
    allowed = int(_quota(quotas, code))
    found = f"{allowed:,} allowed, {needed:,} needed"
    raise_it = f"aws service-quotas request-service-quota-increase --service-code ec2 --quota-code {code}"
    if allowed < needed:
        advice = f"{raise_it} --desired-value {2 * needed}, or a smaller core_maximum or task_maximum"
        return Check(name, "failed", found, advice)
    if allowed < 2 * needed:
        advice = f"a deploy that replaces a running cluster needs {2 * needed:,}: {raise_it}"
        return Check(name, "warning", found, f"{advice} --desired-value {2 * needed}")
    return Check(name, "ok", found)


def check_types(ec2: EC2Client, config: DeploymentConfig) -> Check:
    """Check that each fleet has a type that a zone of the region offers."""
    names = sorted({name for fleet in config.fleets for name in fleet.types})
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": names}]
    )
    zones: dict[str, set[str]] = {name: set() for name in names}
    for page in pages:
        for offer in page["InstanceTypeOfferings"]:
            zones.setdefault(offer["InstanceType"], set()).add(offer["Location"])
    return offered(config.fleets, zones, config.region)


def offered(fleets: tuple[Fleet, ...], zones: Mapping[str, set[str]], region: str) -> Check:
    """Return that check, from the zones of each type."""
    found = ", ".join(f"{name} in {len(zones[name])} zones" for name in zones)
    without = [fleet for fleet in fleets if not any(zones[name] for name in fleet.types)]
    if without:
        advice = "; ".join(f"{fleet.name}_instance_types needs one that {region} offers" for fleet in without)
        return Check("instance types", "failed", found, advice)
    missing = [name for name, there in zones.items() if not there]
    if missing:
        advice = f"take {', '.join(missing)} out of the fleets: EMR may refuse them"
        return Check("instance types", "warning", found, advice)
    return Check("instance types", "ok", found)


def _quota(quotas: ServiceQuotasClient, code: str) -> float:
    try:
        answer = quotas.get_service_quota(ServiceCode="ec2", QuotaCode=code)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchResourceException":
            raise
        # Never changed: the account has AWS's default.
        answer = quotas.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode=code)
    return float(answer["Quota"]["Value"])
