"""What the pipeline works on, as the roles see it."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk.aws_kms import IKey
from aws_cdk.aws_s3 import IBucket


@dataclass(frozen=True)
class Data:
    """The buckets of the deployment, and the key they are encrypted with."""

    images: Sequence[IBucket]
    results: IBucket
    logs: IBucket
    artifacts: IBucket
    key: IKey | None

    @property
    def bucket_arns(self) -> list[str]:
        """ARNs of all buckets."""
        return [bucket.bucket_arn for bucket in (*self.images, self.results, self.logs, self.artifacts)]
