"""Checks that the account is ready: bootstrapped for CDK, with EMR's roles, settings and release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.config.deployment import DeploymentConfig
from operate.readiness.check import Check

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_ssm import SSMClient

BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
# The least version that CDK's default synthesizer takes:
# https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
LEAST_BOOTSTRAP = 6
# Role and the service that acts through it.
EMR_ROLE = ("AWSServiceRoleForEMRCleanup", "elasticmapreduce.amazonaws.com")
SPOT_ROLE = ("AWSServiceRoleForEC2Spot", "spot.amazonaws.com")


def check_account(identity: dict[str, Any], config: DeploymentConfig) -> Check:
    """Check whose credentials these are; `identity` is what GetCallerIdentity answered."""
    found = f"account {identity['Account']}, {identity['Arn']}"
    if config.account and config.account != identity["Account"]:
        advice = f"account={config.account} is configured: set AWS_PROFILE to credentials of it"
        return Check("credentials", "failed", found, advice)
    return Check("credentials", "ok", found)


def check_bootstrap(ssm: SSMClient, account: str, region: str) -> Check:
    """Check that `cdk bootstrap` has run here, in a version that CDK takes."""
    advice = f"once: node_modules/.bin/cdk bootstrap aws://{account}/{region}"
    try:
        version = int(ssm.get_parameter(Name=BOOTSTRAP_PARAMETER)["Parameter"]["Value"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        return Check("CDK bootstrap", "failed", f"not bootstrapped in {region}", advice)
    found = f"version {version}"
    if version < LEAST_BOOTSTRAP:
        return Check("CDK bootstrap", "failed", f"{found}, {LEAST_BOOTSTRAP} at least is needed", advice)
    return Check("CDK bootstrap", "ok", found)


def check_service_roles(iam: IAMClient, config: DeploymentConfig) -> Check:
    """Check that the service-linked roles are there: AWS makes them at first use, where it may."""
    spot = config.task_maximum and config.task_spot_share
    wanted = [EMR_ROLE, SPOT_ROLE] if spot else [EMR_ROLE]
    missing = [(role, service) for role, service in wanted if not _has_role(iam, role)]
    if not missing:
        return Check("service-linked roles", "ok", ", ".join(role for role, _ in wanted))
    commands = [f"aws iam create-service-linked-role --aws-service-name {service}" for _, service in missing]
    found = f"missing: {', '.join(role for role, _ in missing)}"
    return Check("service-linked roles", "warning", found, f"once: {'; '.join(commands)}")


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


def _has_role(iam: IAMClient, name: str) -> bool:
    try:
        iam.get_role(RoleName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        return False
    return True
