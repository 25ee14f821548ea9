"""The request of a run, put together from the deployment and what a person asks for, and checked."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.artifacts.packing import ENTRY_POINT, build_job, job_inputs
from infra.checkout import ROOT
from infra.contract.aws_clients import S3Client
from infra.launch.checks import active_clusters, active_runs, refuse_repetition
from infra.launch.run_request import RunRequest, Submission, brought_job, submission
from operate.connection import Connection
from operate.submission.place import Place, require_images
from operate.submission.sources import reduction_uri
from spark_job.contract.errors import MisuseError
from spark_job.contract.options import SUBMIT, given_values, option_words
from spark_job.contract.run_options import RunOptions

DIGEST_LENGTH = 16
# With the components of an earlier run there is nothing to choose.
DECIDED_BY_REDUCTION = ("variance", "components")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """How a person wants a run to be submitted.

    Attributes:
        options: of the job, by name; None: not given.
        job_code: run the working tree's job instead of the deployed one.
    """

    name: str | None
    options: Mapping[str, Any]
    resume: bool
    job_code: bool

    @property
    def words(self) -> tuple[str, ...]:
        """The job's arguments for the options that are given. Raises MisuseError: two exclude each other."""
        table = RunOptions.table(SUBMIT)
        given = given_values(table, self.options)
        both = [name for name in DECIDED_BY_REDUCTION if given.get("reduction") and given.get(name)]
        if both:
            raise MisuseError(f"--{both[0]} and --reduction exclude each other: give one")
        return tuple(option_words(table, given))


def prepared(connection: Connection, place: Place, choices: Choices) -> tuple[RunRequest, Submission]:
    """Return the request and the step that it means, checked.

    Raises OperateError: no images, the same run again, an earlier run that is not there.
    """
    deployment, s3, emr = connection.deployment, connection.client("s3"), connection.client("emr")
    require_images(place)
    words = choices.words
    if reduction := choices.options.get("reduction"):
        uri = reduction_uri(s3, deployment, reduction)
        words = tuple(f"--reduction={uri}" if word.startswith("--reduction=") else word for word in words)
    request = RunRequest(
        images=place.images,
        fingerprint=place.listing.fingerprint,
        options=words,
        name=choices.name,
        code=job_uris(deployment.artifacts_bucket) if choices.job_code else None,
        resume=choices.resume,
    )
    run, prefix = submission(place.deployed, request), deployment.name_prefix
    active = active_runs(emr, active_clusters(emr, prefix), prefix)
    refuse_repetition(s3, deployment.results_bucket, run.run_id, active, resume=choices.resume)
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
