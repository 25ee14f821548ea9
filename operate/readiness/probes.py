"""Questions that AWS answers for nothing and that its documentation leaves open; nothing is made or changed.

docs/decisions/0010-cluster-and-run.md says what each answer means, and what only a deploy can show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from infra.config.deployment import DeploymentConfig
from infra.contract import outputs
from infra.contract.names import stack_name
from operate.connection import Connection
from operate.deployment import stack_outputs
from operate.emr.clusters import Cluster, Node, find_cluster, list_nodes
from operate.readiness.checks import SPOT_ROLE, Finding, Look

NO_CLUSTER = "EMR remembers none: ask again within two months after a deploy"
# Amazon Linux of EC2 itself: a dry run needs an image, and EMR's own are not public.
IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}"
# What is refused for want of an Allow, not by a Deny, in AWS's own words:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
NOBODY_ALLOWS = "no identity-based policy allows"
# One of each service that the stacks use: docs/deployment.md, "Permissions".
DEPLOYER_ACTIONS = (
    "budgets:ModifyBudget",
    "cloudwatch:PutMetricAlarm",
    "ec2:CreateSecurityGroup",
    "ec2:CreateVpc",
    "elasticmapreduce:CreateSecurityConfiguration",
    "elasticmapreduce:PutManagedScalingPolicy",
    "elasticmapreduce:RunJobFlow",
    "events:PutRule",
    "iam:CreateRole",
    "iam:PassRole",
    "kms:CreateKey",
    "lambda:CreateFunction",
    "logs:CreateLogGroup",
    "s3:CreateBucket",
    "sns:CreateTopic",
)


def probes(connection: Connection, account: str, config: DeploymentConfig) -> dict[str, Look]:
    """Return every question by its name."""
    client = connection.client

    @cache  # two questions are about it
    def cluster() -> Cluster | None:
        """Return the stage's cluster; None: none was deployed, or EMR has forgotten it."""
        pipeline = stack_outputs(client("cloudformation"), stack_name(connection.stage, "pipeline"))
        cluster_id = pipeline.get(outputs.CLUSTER_ID)
        return find_cluster(client("emr"), cluster_id) if cluster_id else None

    return {
        "types for EMR": lambda: probe_types(client("emr"), config),
        "dry run of EC2": lambda: probe_launch(client("ec2"), client("ssm"), config),
        "deployer's rights": lambda: probe_deployer(client("iam"), account, config.region),
        "service role, Spot": lambda: probe_service_role(client("iam"), account, cluster()),
        "cluster, asked": lambda: probe_cluster(connection, cluster(), config),
    }


def probe_types(emr: Any, config: DeploymentConfig) -> Finding:
    """Ask EMR which instance types its release takes in this region."""
    request: dict[str, Any] = {"ReleaseLabel": config.release_label}
    supported: set[str] = set()
    while True:  # boto3 has no paginator of it
        page = emr.list_supported_instance_types(**request)
        supported |= {entry["Type"] for entry in page["SupportedInstanceTypes"]}
        if not page.get("Marker"):
            break
        request["Marker"] = page["Marker"]
    missing = ", ".join(sorted({name for fleet in config.fleets for name in fleet.types} - supported))
    if missing:
        return "failed", f"{config.release_label} lacks {missing}", f"take {missing} out of the fleets"
    return "ok", f"{config.release_label} takes all types of the fleets", ""


def probe_launch(ec2: Any, ssm: Any, config: DeploymentConfig) -> Finding:
    """Ask EC2 whether these credentials may start each type; `DryRunOperation` is EC2's word for yes."""
    architecture = config.architecture
    image = ssm.get_parameter(Name=IMAGE.format(architecture))["Parameter"]["Value"]
    answers, unasked = {}, False
    for name in sorted({name for fleet in config.fleets for name in fleet.types}):
        try:
            ec2.run_instances(DryRun=True, ImageId=image, InstanceType=name, MinCount=1, MaxCount=1)
        except ClientError as error:
            details = error.response["Error"]
            answers[name] = details["Code"]
            unasked |= NOBODY_ALLOWS in details["Message"]
    found = ", ".join(f"{name}: {code}" for name, code in answers.items())
    if set(answers.values()) <= {"DryRunOperation"}:
        return "ok", found, ""
    if unasked:
        return "unknown", found, "whoever may start instances can ask this: these credentials need not"
    advice = "a policy of the organisation that forbids it to these credentials may forbid it to EMR as well"
    return "warning", found, advice


def probe_deployer(iam: Any, account: str, region: str) -> Finding:
    """Ask IAM whether the role with which CloudFormation deploys may use every service of the stacks."""
    role = f"arn:aws:iam::{account}:role/cdk-hnb659fds-cfn-exec-role-{account}-{region}"
    denied = _denied(iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=[*DEPLOYER_ACTIONS]))
    if denied:
        advice = "docs/deployment.md lists what the policy of the role must allow"
        return "warning", f"{role} may not {', '.join(denied)}", advice
    return "ok", f"{role} may use every service of the stacks", ""


def probe_service_role(iam: Any, account: str, cluster: Cluster | None) -> Finding:
    """Ask IAM whether the cluster's service role may make Spot's service-linked role."""
    if cluster is None:
        return "unknown", NO_CLUSTER, ""
    name, service = SPOT_ROLE
    role, context = cluster.service_role, {"ContextKeyName": "iam:AWSServiceName", "ContextKeyType": "string"}
    answer = iam.simulate_principal_policy(
        PolicySourceArn=role if role.startswith("arn:") else f"arn:aws:iam::{account}:role/{role}",
        ActionNames=["iam:CreateServiceLinkedRole"],
        ResourceArns=[f"arn:aws:iam::{account}:role/aws-service-role/{service}/{name}"],
        ContextEntries=[{**context, "ContextKeyValues": [service]}],
    )
    if _denied(answer):
        advice = f"once: aws iam create-service-linked-role --aws-service-name {service}"
        return "warning", f"{role} may not make {name}", advice
    return "ok", f"{role} may make {name}", ""


def probe_cluster(connection: Connection, cluster: Cluster | None, config: DeploymentConfig) -> Finding:
    """Ask Session Manager for the nodes of a live cluster, or EMR to change one that has ended.

    That change is what CloudFormation asks for in an update, and its value is the configured one.
    """
    if cluster is None:
        return "unknown", NO_CLUSTER, ""
    emr, cluster_id = connection.client("emr"), cluster.id
    if cluster.live:
        return _agents(connection.client("ssm"), list_nodes(emr, cluster_id))
    policy = {"IdleTimeout": config.idle_timeout_minutes * 60}
    try:
        emr.put_auto_termination_policy(ClusterId=cluster_id, AutoTerminationPolicy=policy)
    except ClientError as error:
        details, code = error.response["Error"], error.response.get("ErrorCode", "no ErrorCode")
        refusal = f"{details['Code']} ({code}) {details['Message']}"
        return "ok", f"{cluster_id} has ended; EMR refuses a change: {refusal}", ""
    return "ok", f"{cluster_id} has ended; EMR takes a change all the same", ""


def _agents(ssm: Any, nodes: Iterable[Node]) -> Finding:
    """Check that Session Manager reaches every node: tunnels need the primary one."""
    ids, online = [node.ec2_id for node in nodes if node.state == "RUNNING"], 0
    if ids:
        filters = [{"Key": "InstanceIds", "Values": ids}]
        pages = ssm.get_paginator("describe_instance_information").paginate(Filters=filters)
        online = len(list(pages.search("InstanceInformationList[?PingStatus == 'Online']")))
    found = f"Session Manager reaches {online} of {len(ids)} nodes that run"
    if online == len(ids):
        return "ok", found, ""
    return "warning", found, "`tunnel` needs the primary node: ask again in a minute"


def _denied(answer: Mapping[str, Any]) -> list[str]:
    results: Iterable[Mapping[str, Any]] = answer["EvaluationResults"]
    return [result["EvalActionName"] for result in results if result["EvalDecision"] != "allowed"]
