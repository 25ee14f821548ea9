"""Private buckets, the key that encrypts them, how long data lies in them, and how they end."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk.aws_iam import IRole
from aws_cdk.aws_kms import IKey, Key
from aws_cdk.aws_logs import LogGroup, RetentionDays
from constructs import Construct

from infra.acknowledgements import acknowledge, skip_checkov
from infra.config.deployment import DeploymentConfig
from infra.contract.names import PROJECT
from infra.contract.prefixes import ERASURES, RUNS
from infra.log_groups import write_log_to
from spark_job.contract.erasure import RECORDS

# S3 rounds each deadline up to the next midnight UTC. In a versioned bucket an expired object is first hidden
# (one deadline), then removed a day later at the earliest (a second one, counted from the first):
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
NONCURRENT_DAYS = 1
ROUNDING_DAYS = 2
# Time to undo an overwrite.
VERSION_DAYS = 7
UPLOAD_DAYS = 1
# Three years, for as long as somebody may ask whether an erasure was done.
RECORD_DAYS = 3 * 365
SSE_S3_REASON = (
    "SSE-S3 encrypts at rest; a key of our own costs 1 USD a month, and dev must stay under 1 USD while idle"
)
LOG_DELIVERY_REASON = (
    "S3 delivers access logs to buckets with SSE-S3 only: "
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html"
)
NO_REPLICA_REASON = (
    "Only source images are replicated, in stages that ask for it; what is here can be computed again"
)
EMPTYING_PROVIDER = "Custom::S3AutoDeleteObjectsCustomResourceProvider"
EMPTYING_LOG_REASON = (
    "CloudWatch encrypts it with its own key; it holds no data, and a key of ours costs 1 USD a month"
)
RUNS_ON_DESTROY_REASON = (
    "Made by CDK; runs on destroy only, where CloudFormation waits for it and reports its failure"
)


def removal_policy(*, destroy: bool) -> RemovalPolicy:
    """Let data go with its stack, or stay; a first deploy that fails takes its empty buckets back either way.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
    """
    return RemovalPolicy.DESTROY if destroy else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE


@dataclass(frozen=True)
class Buckets:
    """Every bucket that the pipeline reads or writes, and the key that encrypts them; None: S3's own key."""

    images: Sequence[s3.IBucket]
    results: s3.IBucket
    logs: s3.IBucket
    artifacts: s3.IBucket
    key: IKey | None

    @property
    def arns(self) -> list[str]:
        return [bucket.bucket_arn for bucket in (*self.images, self.results, self.logs, self.artifacts)]


def private_bucket(
    scope: Construct,
    construct_id: str,
    *,
    destroy: bool,
    lifecycle_rules: Sequence[s3.LifecycleRule],
    key: IKey | None = None,
    access_logs: s3.Bucket | None = None,
    no_replica: str = NO_REPLICA_REASON,
    replication_role: IRole | None = None,
    replication_rules: Sequence[s3.ReplicationRule] = (),
) -> s3.Bucket:
    """Make a versioned bucket that nobody outside the account reads, and nobody over plain HTTP.

    Args:
        destroy: Empty and remove the bucket with its stack; else it stays, with what it holds.
        key: Encrypts objects (through a bucket key: one call for many images); none: SSE-S3.
        access_logs: Where requests are logged, under this bucket's id; none: nowhere.
        no_replica: Why it has no replica, where it has none: without `replication_rules`.
    """
    bucket = s3.Bucket(
        scope,
        construct_id,
        versioned=True,
        encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
        encryption_key=key,
        bucket_key_enabled=True if key else None,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        server_access_logs_bucket=access_logs,
        server_access_logs_prefix=f"{construct_id}/" if access_logs else None,
        lifecycle_rules=list(lifecycle_rules),
        removal_policy=removal_policy(destroy=destroy),
        auto_delete_objects=destroy,
        replication_role=replication_role,
        replication_rules=list(replication_rules) or None,
    )
    if key is None:
        acknowledge(bucket, {"NIST.800.53.R5-S3DefaultEncryptionKMS": SSE_S3_REASON})
    if not replication_rules:
        acknowledge(bucket, {"NIST.800.53.R5-S3BucketReplicationEnabled": no_replica})
    return bucket


def access_log_bucket(scope: Construct, *, destroy: bool, rules: Sequence[s3.LifecycleRule]) -> s3.Bucket:
    """Make the bucket where the other buckets' requests are logged; S3 encrypts it with its own key."""
    bucket = private_bucket(scope, "AccessLogs", destroy=destroy, lifecycle_rules=rules)
    acknowledge(bucket, {"NIST.800.53.R5-S3DefaultEncryptionKMS": LOG_DELIVERY_REASON})
    self_log = "This is the bucket that access is logged to; logging to itself would never end"
    skip_checkov(bucket, "AWS::S3::Bucket", {"CKV_AWS_18": self_log})
    return bucket


def data_key(scope: Construct, config: DeploymentConfig) -> IKey | None:
    """Return the key of the buckets: the configured one, in `prod` a new one that rotates, else None.

    Without a key S3 encrypts with its own (SSE-S3). A key costs 1 USD a month and `dev` must stay under 1 USD
    while idle: https://aws.amazon.com/kms/pricing/
    """
    if config.kms_key_arn is not None:
        return Key.from_key_arn(scope, "DataKey", config.kms_key_arn)
    if config.stage == "dev":
        return None
    return Key(
        scope,
        "DataKey",
        alias=f"{PROJECT}-{config.stage}-data",
        description=f"Encrypts images, results and logs of {PROJECT} {config.stage}",
        enable_key_rotation=True,
        removal_policy=removal_policy(destroy=config.removal_policy == "destroy"),
    )


def let_emptying_log_expire(stack: Stack) -> None:
    """Give CDK's function that empties buckets a log group of the stack's; its own would stay for ever."""
    provider = stack.node.try_find_child(EMPTYING_PROVIDER)
    if provider is None:
        return  # nothing is emptied on destroy
    log = LogGroup(
        stack, "EmptyingLog", retention=RetentionDays.ONE_WEEK, removal_policy=RemovalPolicy.DESTROY
    )
    write_log_to(log, provider)
    acknowledge(log, {"NIST.800.53.R5-CloudWatchLogGroupEncrypted": EMPTYING_LOG_REASON})
    skip_checkov(log, "AWS::Logs::LogGroup", {"CKV_AWS_158": EMPTYING_LOG_REASON})
    checks = ("CKV_AWS_115", "CKV_AWS_116", "CKV_AWS_117")
    skip_checkov(provider, "AWS::Lambda::Function", dict.fromkeys(checks, RUNS_ON_DESTROY_REASON))


def expire_results(retention_days: int) -> list[s3.LifecycleRule]:
    """Delete runs after `retention_days`, overwritten ones after a week, records of erasures after years.

    What is known of forgotten photographs does not end: they would be used again.
    """
    rules = expire("results", None, VERSION_DAYS)
    for prefix, days in ((RUNS, retention_days), (f"{ERASURES}/{RECORDS}", RECORD_DAYS)):
        name = f"{prefix.replace('/', '-')}-expire"
        rules.append(s3.LifecycleRule(id=name, prefix=f"{prefix}/", expiration=Duration.days(days)))
    return rules


def expire(name: str, days: int | None, noncurrent_days: int) -> list[s3.LifecycleRule]:
    """Delete what is older than so many days, if any, and sooner what was overwritten."""
    return [
        s3.LifecycleRule(
            id=f"{name}-expire",
            expiration=None if days is None else Duration.days(days),
            noncurrent_version_expiration=Duration.days(noncurrent_days),
            abort_incomplete_multipart_upload_after=Duration.days(UPLOAD_DAYS),
        ),
        # S3 does not take this beside a number of days in one rule.
        s3.LifecycleRule(id=f"{name}-delete-markers", expired_object_delete_marker=True),
    ]
