"""Checks that the account is ready: CDK's bootstrap, roles, the stage's stacks, EMR's settings."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.config.deployment import DeploymentConfig
from infra.contract import outputs
from infra.contract.aws_clients import CloudFormationClient, EMRClient, IAMClient, SSMClient
from infra.contract.names import STACK_PARTS, stack_name
from operate.deployment import describe_stack, stack_outputs
from operate.emr.clusters import find_cluster
from operate.readiness.check import Check

BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
# The least version that CDK's default synthesizer takes:
# https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
LEAST_BOOTSTRAP = 6
# Role and the service that acts through it.
EMR_ROLE = ("AWSServiceRoleForEMRCleanup", "elasticmapreduce.amazonaws.com")
SPOT_ROLE = ("AWSServiceRoleForEC2Spot", "spot.amazonaws.com")


def check_account(identity: Mapping[str, Any], config: DeploymentConfig) -> Check:
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
    """Check that the service-linked roles are there.

    A missing one stops no deploy: EMR makes its own at the first cluster, and the deployment's service role
    may make that of Spot at the first Spot node (infra/access/service_role.py).
    """
    wanted = [EMR_ROLE, SPOT_ROLE] if config.uses_spot else [EMR_ROLE]
    missing = [(role, service) for role, service in wanted if not _has_role(iam, role)]
    if not missing:
        return Check("service-linked roles", "ok", ", ".join(role for role, _ in wanted))
    commands = [f"aws iam create-service-linked-role --aws-service-name {service}" for _, service in missing]
    found = f"missing: {', '.join(role for role, _ in missing)}"
    advice = f"the first cluster makes it, where the organisation allows that; once: {'; '.join(commands)}"
    return Check("service-linked roles", "warning", found, advice)


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


def check_stacks(cloudformation: CloudFormationClient, stage: str) -> Check:
    """Check that CloudFormation takes a change of every stack of the stage.

    A first deploy that was rolled back is no hindrance: CDK deletes such a stack and makes it anew.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
    """
    states, cures = [], []
    for name in (stack_name(stage, part) for part in STACK_PARTS):
        stack = describe_stack(cloudformation, name)
        if stack is None:
            continue
        state = stack["StackStatus"]
        states.append(f"{name} {state}")
        if state == "UPDATE_ROLLBACK_FAILED":
            cures.append(_continue_rollback(cloudformation, name))
        elif state in ("DELETE_FAILED", "ROLLBACK_FAILED"):
            cures.append(f"`fruit destroy --stage={stage}` takes the rest of {name} away; then deploy again")
        elif state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS":
            cures.append(f"{name} is being changed: wait until that has ended")
    found = ", ".join(states) or "none: a first deploy"
    return Check("stacks", "failed" if cures else "ok", found, "; ".join(cures))


def check_cluster(cloudformation: CloudFormationClient, emr: EMRClient, stage: str) -> Check:
    """Check what a change of the deploy's cluster would meet: work that it ends."""
    cluster_id = stack_outputs(cloudformation, stack_name(stage, "pipeline")).get(outputs.CLUSTER_ID)
    if cluster_id is None:
        return Check("cluster", "ok", "none: the deploy starts one")
    cluster = find_cluster(emr, cluster_id)
    if cluster is None:
        return Check("cluster", "ok", f"{cluster_id}: EMR has forgotten it; `fruit submit` starts others")
    found = f"{cluster.id} {cluster.state}"
    if not cluster.live:
        return Check("cluster", "ok", f"{found}: a change of the cluster or its run makes another one")
    if cluster.state == "WAITING":
        return Check("cluster", "ok", found)
    advice = "a deploy that replaces it ends what runs there: `fruit status` shows its steps"
    return Check("cluster", "warning", found, advice)


def _has_role(iam: IAMClient, name: str) -> bool:
    try:
        iam.get_role(RoleName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        return False
    return True


def _continue_rollback(cloudformation: CloudFormationClient, name: str) -> str:
    """Return the command that lets a rollback go on without the resources that hold it up."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    failed = "StackResourceSummaries[?ResourceStatus == 'UPDATE_FAILED'].LogicalResourceId"
    stuck = list(pages.search(failed))
    skip = f" --resources-to-skip {' '.join(stuck)}" if stuck else ""
    return f"aws cloudformation continue-update-rollback --stack-name {name}{skip}; then deploy again"
