"""Statements of the roles' policies, each with the reasons for what it leaves open."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

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
BY_TAG_REASON = (
    "Ids are given at creation; the condition admits only what carries this project's and stage's tags"
)


@dataclass(frozen=True)
class Grant:
    """A statement of a role's policy.

    Attributes:
        statement: What the role may do.
        wildcards: Resource of the statement that holds a `*`, as cdk-nag writes it, to the reason for it.
    """

    statement: PolicyStatement
    wildcards: Mapping[str, str] = field(default_factory=dict)


def grant(role: Role, grants: Iterable[Grant], inline_reason: str) -> None:
    """Put the statements into the role's own policy, and acknowledge what they leave open.

    Args:
        role: Who may do it.
        grants: What.
        inline_reason: Why the policy is the role's own instead of a managed one.
    """
    for one in grants:
        role.add_to_policy(one.statement)
        acknowledge_wildcards(role, one.wildcards)
    acknowledge(role, {"NIST.800.53.R5-IAMNoInlinePolicy": inline_reason})


def read_buckets(sid: str, buckets: Sequence[IBucket], reason: str) -> list[Grant]:
    """Allow to list these buckets and to read every object in them."""
    arns = [bucket.bucket_arn for bucket in buckets]
    return [
        Grant(PolicyStatement(sid=f"{sid}List", actions=["s3:ListBucket"], resources=arns)),
        all_objects(f"{sid}Read", buckets, READ_OBJECTS, reason),
    ]


def all_objects(sid: str, buckets: Sequence[IBucket], actions: Sequence[str], reason: str) -> Grant:
    """Allow these actions on every object of these buckets."""
    resources = [f"{bucket.bucket_arn}/*" for bucket in buckets]
    statement = PolicyStatement(sid=sid, actions=list(actions), resources=resources)
    return Grant(statement, {objects_of(bucket): reason for bucket in buckets})


def list_prefix(sid: str, bucket: IBucket, prefix: str, action: str = "s3:ListBucket") -> Grant:
    """Allow to list what lies below one prefix of a bucket; with `s3:ListBucketVersions`, every version."""
    return Grant(
        PolicyStatement(
            sid=sid,
            actions=[action],
            resources=[bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [prefix, f"{prefix}/*"]}},
        )
    )


def objects(sid: str, bucket: IBucket, prefix: str, actions: Sequence[str], reason: str) -> Grant:
    """Allow these actions on the objects below one prefix."""
    resources = [f"{bucket.bucket_arn}/{prefix}/*"]
    statement = PolicyStatement(sid=sid, actions=list(actions), resources=resources)
    return Grant(statement, {objects_of(bucket, f"{prefix}/*"): reason})


def use_key(sid: str, key: IKey | None, actions: Sequence[str]) -> list[Grant]:
    """Allow these actions on the key; no statement where there is none."""
    if key is None:
        return []
    return [Grant(PolicyStatement(sid=sid, actions=list(actions), resources=[key.key_arn]))]


def clusters_of_stage(sid: str, stack: Stack, stage: str, actions: Sequence[str]) -> Grant:
    """Allow these actions on every cluster that carries the project's and the stage's tag."""
    clusters = stack.format_arn(service="elasticmapreduce", resource="cluster", resource_name="*")
    statement = PolicyStatement(
        sid=sid,
        actions=list(actions),
        resources=[clusters],
        conditions={"StringEquals": tag_conditions("elasticmapreduce:ResourceTag", stage)},
    )
    return Grant(statement, {in_account("elasticmapreduce", stack.region, "cluster/*"): BY_TAG_REASON})


def pass_role(sid: str, role: IRole, service: str) -> Grant:
    """Allow to pass this role to this service of AWS, such as `ec2.amazonaws.com`."""
    return Grant(
        PolicyStatement(
            sid=sid,
            actions=["iam:PassRole"],
            resources=[role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": service}},
        )
    )


def tag_conditions(key: str, stage: str) -> dict[str, str]:
    """Return conditions that admit only what carries the project's and the stage's tag.

    Args:
        key: The condition key of the service, without the tag's name: `ssm:resourceTag`.
    """
    return {f"{key}/{tag}": value for tag, value in cost_tags(stage).items()}
