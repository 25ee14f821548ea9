"""Checks that EMR, as it is in the region, takes the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.config.deployment import DeploymentConfig
from operate.readiness.check import Check

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient


def check_public_access(emr: EMRClient) -> Check:
    """Check that EMR refuses clusters that the internet could reach; ours are none."""
    answer = emr.get_block_public_access_configuration()["BlockPublicAccessConfiguration"]
    if answer.get("BlockPublicSecurityGroupRules"):
        return Check("EMR block public access", "ok", "on")
    advice = (
        "aws emr put-block-public-access-configuration --block-public-access-configuration "
        "BlockPublicSecurityGroupRules=true"
    )
    return Check("EMR block public access", "warning", "off: other clusters could be open", advice)


def check_release(emr: EMRClient, config: DeploymentConfig) -> Check:
    """Check that the region has the EMR release."""
    wanted = config.release_label
    labels = emr.list_release_labels(Filters={"Prefix": wanted}).get("ReleaseLabels", [])
    if wanted in labels:
        return Check("EMR release", "ok", wanted)
    advice = "release_label names another: docs/runbook.md says which are tested"
    return Check("EMR release", "failed", f"{wanted} is not offered in {config.region}", advice)
