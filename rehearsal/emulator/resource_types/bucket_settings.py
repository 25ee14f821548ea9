"""A bucket's settings: a template's property, the call that applies it, and the call that takes it away."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rehearsal.emulator.resource_types.api_values import request_values
from rehearsal.emulator.resource_types.bucket_rules import lifecycle_rule, renamed, replication_rule

S3 = Any


@dataclass(frozen=True)
class Setting:
    """One property of AWS::S3::Bucket that has an API of its own."""

    property: str
    put: Callable[[S3, str, Any], None]
    remove: Callable[[S3, str], None]


def _put(s3: S3, operation: str, method: str, bucket: str, **values: Any) -> None:
    getattr(s3, method)(**request_values("s3", operation, {"Bucket": bucket, **values}))


def _put_versioning(s3: S3, bucket: str, value: Any) -> None:
    _put(s3, "PutBucketVersioning", "put_bucket_versioning", bucket, VersioningConfiguration=value)


def _suspend_versioning(s3: S3, bucket: str) -> None:
    _put_versioning(s3, bucket, {"Status": "Suspended"})


def _put_tags(s3: S3, bucket: str, value: Any) -> None:
    _put(s3, "PutBucketTagging", "put_bucket_tagging", bucket, Tagging={"TagSet": value})


def _put_encryption(s3: S3, bucket: str, value: Any) -> None:
    names = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
    rules = [renamed(rule, names) for rule in value["ServerSideEncryptionConfiguration"]]
    configuration = {"Rules": rules}
    _put(
        *(s3, "PutBucketEncryption", "put_bucket_encryption", bucket),
        ServerSideEncryptionConfiguration=configuration,
    )


def _put_lifecycle(s3: S3, bucket: str, value: Any) -> None:
    configuration = {"Rules": [lifecycle_rule(rule) for rule in value["Rules"]]}
    _put(
        *(s3, "PutBucketLifecycleConfiguration", "put_bucket_lifecycle_configuration", bucket),
        LifecycleConfiguration=configuration,
    )


def _put_logging(s3: S3, bucket: str, value: Any) -> None:
    names = {"DestinationBucketName": "TargetBucket", "LogFilePrefix": "TargetPrefix"}
    target = {"TargetBucket": bucket, "TargetPrefix": "", **renamed(value, names)}
    _put(s3, "PutBucketLogging", "put_bucket_logging", bucket, BucketLoggingStatus={"LoggingEnabled": target})


def _stop_logging(s3: S3, bucket: str) -> None:
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})


def _put_ownership(s3: S3, bucket: str, value: Any) -> None:
    _put(s3, "PutBucketOwnershipControls", "put_bucket_ownership_controls", bucket, OwnershipControls=value)


def _put_replication(s3: S3, bucket: str, value: Any) -> None:
    rules = [replication_rule(rule) for rule in value["Rules"]]
    configuration = {"Role": value["Role"], "Rules": rules}
    _put(
        *(s3, "PutBucketReplication", "put_bucket_replication", bucket),
        ReplicationConfiguration=configuration,
    )


def _removed_by(method: str) -> Callable[[S3, str], None]:
    def remove(s3: S3, bucket: str) -> None:
        getattr(s3, method)(Bucket=bucket)

    return remove


# In the order in which they need one another: replication wants versioning.
SETTINGS = (
    Setting("VersioningConfiguration", _put_versioning, _suspend_versioning),
    Setting("Tags", _put_tags, _removed_by("delete_bucket_tagging")),
    Setting("BucketEncryption", _put_encryption, _removed_by("delete_bucket_encryption")),
    Setting("OwnershipControls", _put_ownership, _removed_by("delete_bucket_ownership_controls")),
    Setting("LifecycleConfiguration", _put_lifecycle, _removed_by("delete_bucket_lifecycle")),
    Setting("LoggingConfiguration", _put_logging, _stop_logging),
    Setting("ReplicationConfiguration", _put_replication, _removed_by("delete_bucket_replication")),
)
