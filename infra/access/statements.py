"""Statements of the roles' policies, each with the reasons for what it leaves open."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import Stack
from aws_cdk.aws_iam import IRole, PolicyStatement, Role
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_s3 import IBucket

from infra.acknowledgements import acknowledge, acknowledge_wildcards, in_account, objects_of
from infra.contract.names import cost_tags

READ_OBJECTS = ["s3:GetObject"]
# What S3 does with a bucket's key in the name of whoever reads or writes; who writes decrypts the bucket key:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
USE_KEY = ["kms:Decrypt", "kms:GenerateDataKey"]
ERASURES_REASON = (
    "Photographs that were forgotten are passed over: runs and uploads know them by keyed hashes"
)
LOGS_REASON = "EMR names logs by cluster, node and container"
JOBS_REASON = "A job that a person brings is named by its hash"
ARCHIVES_REASON = "Each deployment has one archive, whose name holds the run"
BY_TAG_REASON = (
    "Ids are given at creation; the condition admits only what carries this project's and stage's tags"
)


@dataclass(frozen=True)
class Grant:
    """A statement of a role's policy."""

    sid: str
    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Any] | None = None
    # Resource that holds a `*`, as cdk-nag writes it, to the reason for it.
    reasons: Mapping[str, str] = field(default_factory=dict)


def grant(role: Role, grants: Iterable[Grant], inline_reason: str) -> None:
    """Put the statements into the role's own policy, which has a reason; acknowledge what they leave open."""
    for one in grants:
        what: Any = {"actions": list(one.actions), "resources": list(one.resources)}
        role.add_to_policy(PolicyStatement(sid=one.sid, **what, conditions=one.conditions))
        acknowledge_wildcards(role, one.reasons)
    acknowledge(role, {"NIST.800.53.R5-IAMNoInlinePolicy": inline_reason})


def on_everything(
    sid: str, actions: Sequence[str], reason: str, conditions: Mapping[str, Any] | None = None
) -> Grant:
    """Allow actions that know no resources, or none yet."""
    return Grant(sid, actions, ["*"], conditions, {"*": reason})


def list_clusters() -> Grant:
    """Allow to list clusters, whosever they are."""
    reason = "EMR lists clusters without a resource; the list has names and states"
    return on_everything("ListClusters", ["elasticmapreduce:ListClusters"], reason)


def objects(
    sid: str, buckets: Iterable[IBucket], keys: Iterable[str], actions: Sequence[str], reason: str
) -> Grant:
    """Allow these actions on the objects of these buckets that have such keys: `*`, `runs/*`."""
    places = [(bucket, key) for bucket in buckets for key in keys]
    resources = [f"{bucket.bucket_arn}/{key}" for bucket, key in places]
    return Grant(sid, actions, resources, reasons={objects_of(*place): reason for place in places})


def read_buckets(sid: str, buckets: Sequence[IBucket], reason: str) -> list[Grant]:
    """Allow to list these buckets and to read every object in them."""
    return [
        Grant(f"{sid}List", ["s3:ListBucket"], [bucket.bucket_arn for bucket in buckets]),
        objects(f"{sid}Read", buckets, ["*"], READ_OBJECTS, reason),
    ]


def list_prefix(sid: str, bucket: IBucket, prefix: str, action: str = "s3:ListBucket") -> Grant:
    """Allow to list what lies below one prefix of a bucket; with `s3:ListBucketVersions`, every version."""
    below = {"StringLike": {"s3:prefix": [prefix, f"{prefix}/*"]}}
    return Grant(sid, [action], [bucket.bucket_arn], below)


def use_key(sid: str, key: IKey | None, actions: Sequence[str]) -> list[Grant]:
    """Allow these actions on the key; no statement where there is none."""
    return [Grant(sid, actions, [key.key_arn])] if key else []


def clusters_of_stage(sid: str, stack: Stack, stage: str, actions: Sequence[str]) -> Grant:
    """Allow these actions on every cluster that carries the project's and the stage's tag."""
    arn = stack.format_arn(service="elasticmapreduce", resource="cluster", resource_name="*")
    named = in_account("elasticmapreduce", stack.region, "cluster/*")
    return Grant(sid, actions, [arn], tagged("elasticmapreduce:ResourceTag", stage), {named: BY_TAG_REASON})


def pass_role(sid: str, role: IRole, service: str) -> Grant:
    """Allow to pass this role to this service of AWS, such as `ec2.amazonaws.com`."""
    passed_to = {"StringEquals": {"iam:PassedToService": service}}
    return Grant(sid, ["iam:PassRole"], [role.role_arn], passed_to)


def tagged(key: str, stage: str) -> dict[str, Any]:
    """Return the condition that admits what carries the stage's tags, for a key such as `ssm:resourceTag`."""
    return {"StringEquals": {f"{key}/{tag}": value for tag, value in cost_tags(stage).items()}}
