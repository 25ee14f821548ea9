"""Checks that the account is ready for a deploy: bootstrap, roles, stacks, EMR's settings, quotas, types."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from infra.config.deployment import DeploymentConfig
from infra.contract import aws_clients as aws
from infra.contract import outputs
from infra.contract.names import STACK_PARTS, cost_tags, stack_name
from operate.deployment import describe_stack, stack_outputs
from operate.emr.clusters import IDLE, find_cluster
from operate.errors import none_if_refused

State = Literal["ok", "warning", "failed", "unknown"]
Finding = tuple[State, str, str]  # what was found, and what to do; empty where it is ok
Look = Callable[[], Finding]
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
# The least version that CDK's default synthesizer takes:
# https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
LEAST_BOOTSTRAP = 6
# Role and the service that acts through it.
EMR_ROLE = ("AWSServiceRoleForEMRCleanup", "elasticmapreduce.amazonaws.com")
SPOT_ROLE = ("AWSServiceRoleForEC2Spot", "spot.amazonaws.com")
# Quotas by service and code; of vCPU for the families A, C, D, H, I, M, R, T and Z, as all types here are.
ON_DEMAND, SPOT = ("ec2", "L-1216C47A"), ("ec2", "L-34B43A08")
VPCS, ADDRESSES = ("vpc", "L-F678F1CE"), ("ec2", "L-0263D0A3")
Quota = tuple[str, str]


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, and what to do; nothing to do when it is ok."""

    name: str
    state: State
    found: str
    advice: str = ""


def check_account(identity: Mapping[str, Any], config: DeploymentConfig) -> Finding:
    """Check whose credentials these are; `identity` is what GetCallerIdentity answered."""
    found = f"account {identity['Account']}, {identity['Arn']}"
    if config.account and config.account != identity["Account"]:
        advice = f"account={config.account} is configured: set AWS_PROFILE to credentials of it"
        return "failed", found, advice
    return "ok", found, ""


def check_bootstrap(ssm: aws.SSMClient, account: str, region: str) -> Finding:
    """Check that `cdk bootstrap` has run here, in a version that CDK takes."""
    advice = f"once: node_modules/.bin/cdk bootstrap aws://{account}/{region}"
    answer = none_if_refused(["ParameterNotFound"], lambda: ssm.get_parameter(Name=BOOTSTRAP_PARAMETER))
    if answer is None:
        return "failed", f"not bootstrapped in {region}", advice
    version = int(answer["Parameter"]["Value"])
    if version < LEAST_BOOTSTRAP:
        return "failed", f"version {version}, {LEAST_BOOTSTRAP} at least is needed", advice
    return "ok", f"version {version}", ""


def check_service_roles(iam: aws.IAMClient, config: DeploymentConfig) -> Finding:
    """Check that the service-linked roles are there.

    A missing one stops no deploy: EMR makes its own at the first cluster, and the deployment's service role
    may make that of Spot at the first Spot node (infra/access/cluster_roles.py).
    """
    wanted = dict([EMR_ROLE, SPOT_ROLE] if config.uses_spot else [EMR_ROLE])
    roles = {name: none_if_refused(["NoSuchEntity"], partial(iam.get_role, RoleName=name)) for name in wanted}
    missing = [name for name, role in roles.items() if role is None]
    if not missing:
        return "ok", ", ".join(wanted), ""
    commands = [f"aws iam create-service-linked-role --aws-service-name {wanted[role]}" for role in missing]
    advice = f"the first cluster makes it, where the organisation allows that; once: {'; '.join(commands)}"
    return "warning", f"missing: {', '.join(missing)}", advice


def check_public_access(emr: aws.EMRClient) -> Finding:
    """Check that EMR refuses clusters that the internet could reach; ours are none."""
    answer = emr.get_block_public_access_configuration()["BlockPublicAccessConfiguration"]
    if answer.get("BlockPublicSecurityGroupRules"):
        return "ok", "on", ""
    command = "aws emr put-block-public-access-configuration --block-public-access-configuration"
    return "warning", "off: other clusters could be open", f"{command} BlockPublicSecurityGroupRules=true"


def check_release(emr: aws.EMRClient, config: DeploymentConfig) -> Finding:
    """Check that the region has the EMR release."""
    wanted = config.release_label
    if wanted in emr.list_release_labels(Filters={"Prefix": wanted}).get("ReleaseLabels", []):
        return "ok", wanted, ""
    advice = "release_label names another: docs/runbook.md says which are tested"
    return "failed", f"{wanted} is not offered in {config.region}", advice


def check_stacks(cloudformation: aws.CloudFormationClient, stage: str) -> Finding:
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
        if state == "UPDATE_ROLLBACK_FAILED":  # the rollback goes on without the resources that hold it up
            pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
            failed = "StackResourceSummaries[?ResourceStatus == 'UPDATE_FAILED'].LogicalResourceId"
            stuck = list(pages.search(failed))
            skip = f" --resources-to-skip {' '.join(stuck)}" if stuck else ""
            go_on = f"aws cloudformation continue-update-rollback --stack-name {name}{skip}"
            cures.append(f"{go_on}; then deploy again")
        elif state in ("DELETE_FAILED", "ROLLBACK_FAILED"):
            cures.append(f"`fruit destroy --stage={stage}` takes the rest of {name} away; then deploy again")
        elif state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS":
            cures.append(f"{name} is being changed: wait until that has ended")
    return "failed" if cures else "ok", ", ".join(states) or "none: a first deploy", "; ".join(cures)


def check_cluster(cloudformation: aws.CloudFormationClient, emr: aws.EMRClient, stage: str) -> Finding:
    """Check what a change of the deploy's cluster would meet: work that it ends."""
    cluster_id = stack_outputs(cloudformation, stack_name(stage, "pipeline")).get(outputs.CLUSTER_ID)
    if cluster_id is None:
        return "ok", "none: the deploy starts one", ""
    cluster = find_cluster(emr, cluster_id)
    if cluster is None:
        return "ok", f"{cluster_id}: EMR has forgotten it; `fruit submit` starts others", ""
    found = f"{cluster.id} {cluster.state}"
    if not cluster.live:
        return "ok", f"{found}: a change of the cluster or its run makes another one", ""
    if cluster.state == IDLE:
        return "ok", found, ""
    return "warning", found, "a deploy that replaces it ends what runs there: `fruit status` shows its steps"


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


def check_vcpu(quotas: aws.ServiceQuotasClient, quota: Quota, needed: int) -> Finding:
    """Check that a quota of vCPU lets the largest cluster run; two, while a deploy replaces one."""
    allowed, more = _allowed(quotas, quota), _increase(quota, 2 * needed)
    found = f"{allowed:,} allowed, {needed:,} needed"
    if allowed < needed:
        return "failed", found, f"{more}, or a smaller core_maximum or task_maximum"
    if allowed < 2 * needed:
        return "warning", found, f"a deploy that replaces a running cluster needs {2 * needed:,}: {more}"
    return "ok", found, ""


def check_vpcs(ec2: aws.EC2Client, quotas: aws.ServiceQuotasClient, config: DeploymentConfig) -> Finding:
    """Check that the region has room for the stage's own VPC."""
    if config.vpc_id:
        return "ok", f"{config.vpc_id} is used", ""
    vpcs = list(ec2.get_paginator("describe_vpcs").paginate().search("Vpcs[]"))
    return _room(quotas, VPCS, vpcs, config, "vpc_id=… uses one that is there")


def check_addresses(ec2: aws.EC2Client, quotas: aws.ServiceQuotasClient, config: DeploymentConfig) -> Finding:
    """Check that the region has room for the address of the stage's NAT gateway."""
    if config.vpc_id or config.network == "public":
        return "ok", "none needed: no NAT gateway is made", ""
    addresses = ec2.describe_addresses()["Addresses"]
    return _room(quotas, ADDRESSES, addresses, config, "release one that nobody uses")


def check_types(ec2: aws.EC2Client, config: DeploymentConfig) -> Finding:
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
        return "failed", found, "; ".join(needed)
    if missing := [name for name, there in zones.items() if not there]:
        return "warning", found, f"take {', '.join(missing)} out of the fleets: EMR may refuse them"
    return "ok", found, ""


def _room(
    quotas: aws.ServiceQuotasClient, quota: Quota, there: list[Any], config: DeploymentConfig, instead: str
) -> Finding:
    """Check that a quota has room for one more beside what is there without the stage's tags."""
    ours = cost_tags(config.stage).items()
    tags = ({tag["Key"]: tag["Value"] for tag in resource.get("Tags", ())} for resource in there)
    others, allowed = sum(not ours <= tag.items() for tag in tags), _allowed(quotas, quota)
    found = f"{allowed:,} allowed, {others:,} beside this stage's"
    if others < allowed:
        return "ok", found, ""
    return "failed", found, f"{_increase(quota, others + 1)}, or {instead}"


def _increase(quota: Quota, value: int) -> str:
    request = f"aws service-quotas request-service-quota-increase --service-code {quota[0]}"
    return f"{request} --quota-code {quota[1]} --desired-value {value}"


def _allowed(quotas: aws.ServiceQuotasClient, quota: Quota) -> int:
    place = {"ServiceCode": quota[0], "QuotaCode": quota[1]}
    answer: Any = none_if_refused(["NoSuchResourceException"], lambda: quotas.get_service_quota(**place))
    # Never changed: the account has AWS's default.
    return int((answer or quotas.get_aws_default_service_quota(**place))["Quota"]["Value"])
