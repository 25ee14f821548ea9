"""What must be true before a run is submitted; each refusal says what to do instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra.contract.prefixes import RUNS
from operate.deployment import Deployment
from operate.emr.steps import Step
from operate.errors import MisuseError, OperateError
from operate.s3.image_listing import split_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MANIFEST = "manifest.json"
# With the digest, within what `-c run=` and the job's --run-id take.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")


def check_name(name: str | None) -> None:
    """Check that a name can begin a run id. Raises MisuseError."""
    if name is not None and not NAME.fullmatch(name):
        raise MisuseError(
            f"--name {name!r}: letters, digits, '.', '_' and '-' are allowed, 50 at most, "
            "the first a letter or digit"
        )


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
            bucket, prefix = split_uri(image_source)
        else:
            source, _, prefix = image_source.strip("/").partition("/")
            bucket = deployment.images_bucket(source)
        if bucket not in buckets.values():
            allowed = ", ".join(f"s3://{name}" for name in buckets.values())
            raise MisuseError(
                f"{image_source}: the cluster reads images in {allowed} alone; `upload` puts them there"
            )
        uris.append(f"s3://{bucket}/{prefix}".rstrip("/"))
    return tuple(dict.fromkeys(uris))


def reduction_uri(s3: S3Client, deployment: Deployment, run: str) -> str:
    """Return the folder of the earlier run whose reduction is applied.

    Raises:
        OperateError: there is no such complete run.
    """
    if "://" in run:
        bucket, prefix = split_uri(run)
    else:
        bucket, prefix = deployment.results_bucket, f"{RUNS}/{run}"
    if not holds(s3, bucket, f"{prefix}/{MANIFEST}"):
        raise OperateError(f"--reduction {run}: no complete run there; `runs` lists those that are")
    return f"s3://{bucket}/{prefix}"


def refuse_repetition(
    s3: S3Client, steps: Sequence[Step], deployment: Deployment, run_id: str, *, resume: bool
) -> None:
    """Refuse to run the same twice, which costs money and gives nothing new.

    Raises:
        OperateError: it is under way, or it has results and `resume` was not asked for.
    """
    for step in steps:
        if step.name == deployment.name_prefix + run_id and step.active:
            raise OperateError(
                f"run {run_id} is {step.state} already, step {step.id}: `status {run_id}` tells how it goes"
            )
    bucket, folder = deployment.results_bucket, f"{RUNS}/{run_id}/"
    if resume or not holds(s3, bucket, folder):
        return
    if holds(s3, bucket, folder + MANIFEST):
        raise OperateError(
            f"run {run_id} is complete: the same images and parameters give the same results; "
            f"`fetch {run_id}` gets them, --name makes another run"
        )
    raise OperateError(f"run {run_id} was begun and is unfinished: --resume goes on with it")


def holds(s3: S3Client, bucket: str, prefix: str) -> bool:
    """Return whether a bucket has any object whose key begins with the prefix."""
    return "Contents" in s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
