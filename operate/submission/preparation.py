"""The request of a run, checked: what a person names as options and URIs for the cluster."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.artifacts.packing import ENTRY_POINT, build_job, job_inputs
from infra.checkout import ROOT
from infra.contract.aws_clients import S3Client
from infra.launch import checks
from infra.launch.run_request import RunRequest, Submission, brought_job, submission
from operate.connection import Connection
from operate.deployment import Deployment
from operate.errors import OperateError
from operate.submission.place import Place, require_images
from spark_job.contract.errors import MisuseError
from spark_job.contract.image_names import is_table
from spark_job.contract.options import SUBMIT, given_values, option_words
from spark_job.contract.run_layout import MANIFEST
from spark_job.contract.run_options import RunOptions
from spark_job.contract.uris import bucket_and_key

DIGEST_LENGTH = 16
# With the components of an earlier run there is nothing to choose.
DECIDED_BY_REDUCTION = ("variance", "components")


def prepared(
    connection: Connection,
    place: Place,
    name: str | None,
    options: Mapping[str, Any],
    *,
    resume: bool,
    job_code: bool,
) -> tuple[RunRequest, Submission]:
    """Return the request and the step that it means, checked.

    Args:
        options: Of the job, by name; None: not given.
        job_code: Run the working tree's job instead of the deployed one.

    Raises MisuseError, and OperateError: no images, the same run again, an earlier run that is not there.
    """
    deployment, s3, emr = connection.deployment, connection.client("s3"), connection.client("emr")
    require_images(place)
    table = RunOptions.table(SUBMIT)
    given = given_values(table, options)
    if reduction := given.get("reduction"):
        if both := [one for one in DECIDED_BY_REDUCTION if given.get(one)]:
            raise MisuseError(f"--{both[0]} and --reduction exclude each other: give one")
        folder = reduction if "://" in reduction else f"{deployment.results_uri}/{reduction}"
        bucket, prefix = bucket_and_key(folder)
        if not checks.holds(s3, bucket, f"{prefix}/{MANIFEST}"):
            raise OperateError(f"--reduction {reduction}: no complete run there; `runs` lists those that are")
        given = {**given, "reduction": f"s3://{bucket}/{prefix}"}
    request = RunRequest(
        images=place.images,
        fingerprint=place.listing.fingerprint,
        options=tuple(option_words(table, given)),
        name=name,
        code=job_uris(deployment.artifacts_bucket) if job_code else None,
        resume=resume,
    )
    run, prefix = submission(place.deployed, request), deployment.name_prefix
    active = checks.active_runs(emr, checks.active_clusters(emr, prefix), prefix)
    checks.refuse_repetition(s3, deployment.results_bucket, run.run_id, active, resume=resume)
    return request, run


def job_uris(bucket: str, root: Path = ROOT) -> tuple[str, str]:
    """Return the URIs of this tree's entry point and packaged job: below `jobs/`, named by their hash."""
    inputs = json.dumps(job_inputs(root), sort_keys=True)
    digest = hashlib.sha256(inputs.encode()).hexdigest()[:DIGEST_LENGTH]
    return brought_job(bucket, digest)


def upload_job(s3: S3Client, bucket: str, root: Path = ROOT) -> tuple[str, str]:
    """Build and upload the job, and return `job_uris`; what is there already is the same, and replaced."""
    main_uri, zip_uri = job_uris(bucket, root)
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "spark_job.zip"
        build_job(root, archive)
        for uri, file in ((main_uri, root / ENTRY_POINT), (zip_uri, archive)):
            s3.upload_file(str(file), bucket, uri.removeprefix(f"s3://{bucket}/"))
    return main_uri, zip_uri


def image_uris(deployment: Deployment, given: Sequence[str]) -> tuple[str, ...]:
    """Return the sources, all if none is given, as URIs. Raises MisuseError: the cluster may not read there.

    Args:
        given: `s3://BUCKET/PREFIX`, or a source's name with a folder behind it or without: `images/2026`.
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
    checks.check_images(uris, buckets.values())
    return tuple(dict.fromkeys(uris))


def require_labels(s3: S3Client, deployment: Deployment, labels: str) -> None:
    """Check a value of `--labels`. Raises MisuseError, and OperateError where there is no such table."""
    checks.check_labels(labels, deployment.images_buckets.values())
    if is_table(labels) and not checks.holds(s3, *bucket_and_key(labels)):
        raise OperateError(f"--labels {labels}: there is no such object: copy the table there")
