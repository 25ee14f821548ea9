"""Statements of access to buckets, each with an id that says what it is for."""

from collections.abc import Iterable, Sequence

from aws_cdk.aws_iam import PolicyStatement
from aws_cdk.aws_s3 import IBucket

LIST_BUCKET = ["s3:ListBucket", "s3:GetBucketLocation"]
READ_OBJECTS = ["s3:GetObject"]
# Large objects go up in parts; a stage that begins anew clears what an earlier attempt left.
WRITE_OBJECTS = [
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
]
# What S3 does with a bucket's key in the name of whoever reads or writes.
USE_KEY = ["kms:Decrypt", "kms:GenerateDataKey"]


def read_buckets(sid: str, buckets: Iterable[IBucket]) -> list[PolicyStatement]:
    """List these buckets and read all that is in them."""
    arns = [bucket.bucket_arn for bucket in buckets]
    return [
        PolicyStatement(sid=f"{sid}List", actions=LIST_BUCKET, resources=arns),
        PolicyStatement(sid=f"{sid}Read", actions=READ_OBJECTS, resources=[f"{arn}/*" for arn in arns]),
    ]


def list_prefix(sid: str, bucket: IBucket, prefix: str, extra: Sequence[str] = ()) -> PolicyStatement:
    """List what lies below one prefix of a bucket."""
    return PolicyStatement(
        sid=sid,
        actions=["s3:ListBucket", *extra],
        resources=[bucket.bucket_arn],
        conditions={"StringLike": {"s3:prefix": [prefix, f"{prefix}/*"]}},
    )


def objects(sid: str, bucket: IBucket, prefix: str, actions: Sequence[str]) -> PolicyStatement:
    """Do these things with the objects below one prefix."""
    return PolicyStatement(sid=sid, actions=list(actions), resources=[f"{bucket.bucket_arn}/{prefix}/*"])
