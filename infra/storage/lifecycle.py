"""How long data lies: lifecycle rules, and the arithmetic of retention with versions."""

from aws_cdk import Duration
from aws_cdk.aws_s3 import LifecycleRule

from infra.contract.names import ERASURES, RUNS
from infra.errors import ConfigError
from spark_job.contract.erasure import RECORDS

# S3 rounds each deadline up to the next midnight UTC. In a versioned bucket an expired object is first hidden
# (one deadline), then removed a day later at the earliest (a second one, counted from the first):
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
NONCURRENT_DAYS = 1
ROUNDING_DAYS = 2
SHORTEST_RETENTION_DAYS = 1 + NONCURRENT_DAYS + ROUNDING_DAYS

# Time to undo an overwrite.
VERSION_DAYS = 7
UPLOAD_DAYS = 1
# Three years, for as long as somebody may ask whether an erasure was done.
RECORD_DAYS = 3 * 365


def image_expiration_days(retention_days: int) -> int:
    """Return after how many days an image is hidden, so that its last version is gone in `retention_days`.

    Raises ConfigError: Fewer days than S3 can promise in a versioned bucket.
    """
    if retention_days < SHORTEST_RETENTION_DAYS:
        allowed = f"{SHORTEST_RETENTION_DAYS} or more: S3 removes no version of an image sooner"
        raise ConfigError("retention_days", retention_days, allowed)
    return retention_days - NONCURRENT_DAYS - ROUNDING_DAYS


def expire_images(retention_days: int) -> list[LifecycleRule]:
    """Leave nothing of an image `retention_days` after its upload: no version, upload part or marker.

    The same rules serve the replica: S3 counts its days from the original's creation.
    """
    return expire("images", image_expiration_days(retention_days), NONCURRENT_DAYS)


def expire_results(retention_days: int) -> list[LifecycleRule]:
    """Delete runs after `retention_days`, overwritten ones after a week, records of erasures after years.

    What is known of forgotten photographs does not end: they would be used again.
    """
    ends = {RUNS: retention_days, f"{ERASURES}/{RECORDS}": RECORD_DAYS}
    return [
        *expire("results", None, VERSION_DAYS),
        *(
            LifecycleRule(
                id=f"{prefix.replace('/', '-')}-expire", prefix=f"{prefix}/", expiration=Duration.days(days)
            )
            for prefix, days in ends.items()
        ),
    ]


def expire(name: str, days: int | None, noncurrent_days: int) -> list[LifecycleRule]:
    """Delete what is older than so many days, if any, and sooner what was overwritten."""
    return [
        LifecycleRule(
            id=f"{name}-expire",
            expiration=None if days is None else Duration.days(days),
            noncurrent_version_expiration=Duration.days(noncurrent_days),
            abort_incomplete_multipart_upload_after=Duration.days(UPLOAD_DAYS),
        ),
        # S3 does not take this beside a number of days in one rule.
        LifecycleRule(id=f"{name}-delete-markers", expired_object_delete_marker=True),
    ]
