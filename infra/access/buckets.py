"""The buckets of a deployment, as the roles, the cluster and the run are given them."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk.aws_kms import IKey
from aws_cdk.aws_s3 import IBucket


@dataclass(frozen=True)
class Buckets:
    """Every bucket that the pipeline reads or writes, and the key that encrypts them; None: S3's own key."""

    images: Sequence[IBucket]
    results: IBucket
    logs: IBucket
    artifacts: IBucket
    key: IKey | None

    @property
    def arns(self) -> list[str]:
        """ARNs of all buckets."""
        return [bucket.bucket_arn for bucket in (*self.images, self.results, self.logs, self.artifacts)]
