"""What a person names, as URIs that the cluster may read: image sources, and an earlier run."""

from collections.abc import Sequence

from infra.contract.aws_clients import S3Client
from infra.contract.prefixes import RUNS
from infra.launch.checks import check_images, check_labels, holds
from operate.deployment import Deployment
from operate.errors import OperateError
from spark_job.contract.image_names import is_table
from spark_job.contract.run_layout import MANIFEST
from spark_job.contract.uris import bucket_and_key


def image_uris(deployment: Deployment, given: Sequence[str]) -> tuple[str, ...]:
    """Return the sources as URIs; without any, every source of the deployment.

    Args:
        given: `s3://BUCKET/PREFIX`, or a source's name with a folder behind it or without: `images/2026`.

    Raises:
        MisuseError: the cluster may not read there.
    """
    buckets = deployment.images_buckets
    uris = []
    for image_source in given or tuple(buckets):
        if "://" in image_source:
            bucket, prefix = bucket_and_key(image_source)
        else:
            source, _, prefix = image_source.strip("/").partition("/")
            bucket = deployment.images_bucket(source)
        uris.append(f"s3://{bucket}/{prefix}".rstrip("/"))
    check_images(uris, buckets.values())
    return tuple(dict.fromkeys(uris))


def require_labels(s3: S3Client, deployment: Deployment, labels: str) -> None:
    """Check a value of `--labels`.

    Raises:
        MisuseError: it is neither a rule nor a table that the cluster may read.
        OperateError: there is no such table.
    """
    check_labels(labels, deployment.images_buckets.values())
    if is_table(labels) and not holds(s3, *bucket_and_key(labels)):
        raise OperateError(f"--labels {labels}: there is no such object: copy the table there")


def reduction_uri(s3: S3Client, deployment: Deployment, run: str) -> str:
    """Return the folder of the earlier run whose reduction is applied.

    Raises OperateError: there is no such complete run.
    """
    if "://" in run:
        bucket, prefix = bucket_and_key(run)
    else:
        bucket, prefix = deployment.results_bucket, f"{RUNS}/{run}"
    if not holds(s3, bucket, f"{prefix}/{MANIFEST}"):
        raise OperateError(f"--reduction {run}: no complete run there; `runs` lists those that are")
    return f"s3://{bucket}/{prefix}"
