"""One private bucket: encrypted, TLS only, owned by this account alone, logged, with rules for its end."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk.aws_iam import IRole
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_s3 import (
    BlockPublicAccess,
    Bucket,
    BucketEncryption,
    LifecycleRule,
    ObjectOwnership,
    ReplicationRule,
)
from constructs import Construct

from infra.acknowledgements import acknowledge, skip_checkov

SSE_S3_REASON = (
    "SSE-S3 encrypts at rest; a key of our own costs 1 USD a month, and dev must stay under 1 USD while idle"
)
NO_REPLICA_REASON = (
    "Only source images are replicated, in stages that ask for it; what is here can be computed again"
)


class PrivateBucket(Bucket):
    """A versioned bucket that nobody outside the account reads, and nobody over plain HTTP.

    Args:
        destroy: Empty and remove the bucket with its stack; else it stays, with what it holds.
        key: Encrypts objects (through a bucket key: one call for many images); none: SSE-S3.
        access_logs: Where requests are logged, under this bucket's id; none: nowhere.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        destroy: bool,
        lifecycle_rules: Sequence[LifecycleRule],
        key: IKey | None = None,
        access_logs: Bucket | None = None,
        replication_role: IRole | None = None,
        replication_rules: Sequence[ReplicationRule] | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            versioned=True,
            encryption=BucketEncryption.KMS if key else BucketEncryption.S3_MANAGED,
            encryption_key=key,
            bucket_key_enabled=True if key else None,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=BlockPublicAccess.BLOCK_ALL,
            object_ownership=ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix=f"{construct_id}/" if access_logs else None,
            lifecycle_rules=list(lifecycle_rules),
            replication_role=replication_role,
            replication_rules=list(replication_rules) if replication_rules else None,
            removal_policy=RemovalPolicy.DESTROY if destroy else RemovalPolicy.RETAIN,
            auto_delete_objects=destroy,
        )
        if key is None:
            acknowledge(self, {"NIST.800.53.R5-S3DefaultEncryptionKMS": SSE_S3_REASON})
        if not replication_rules:
            acknowledge(self, {"NIST.800.53.R5-S3BucketReplicationEnabled": NO_REPLICA_REASON})


def access_log_bucket(scope: Construct, *, destroy: bool, lifecycle_rules: Sequence[LifecycleRule]) -> Bucket:
    """Where the other buckets' requests are logged; encrypted by S3: log delivery takes no other key."""
    bucket = PrivateBucket(scope, "AccessLogs", destroy=destroy, lifecycle_rules=lifecycle_rules)
    acknowledge(
        bucket,
        {
            "NIST.800.53.R5-S3DefaultEncryptionKMS": "S3 delivers access logs to buckets with SSE-S3 only: "
            "https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html",
        },
    )
    self_log = "This is the bucket that access is logged to; logging to itself would never end"
    skip_checkov(bucket, "AWS::S3::Bucket", {"CKV_AWS_18": self_log})
    return bucket
