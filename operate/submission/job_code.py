"""The working tree's own job, built and uploaded below `jobs/`, named by its content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from infra.artifacts.job_package import ENTRY_POINT, build_job, job_inputs
from infra.checkout import ROOT
from infra.contract.prefixes import JOBS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DIGEST_LENGTH = 16


def job_uris(bucket: str, root: Path = ROOT) -> tuple[str, str]:
    """Where the entry point and the package of this tree's job belong: their URIs hold its hash."""
    inputs = json.dumps(job_inputs(root), sort_keys=True)
    digest = hashlib.sha256(inputs.encode()).hexdigest()[:DIGEST_LENGTH]
    folder = f"s3://{bucket}/{JOBS}/{digest}"
    return f"{folder}/main.py", f"{folder}/spark_job.zip"


def upload_job(s3: S3Client, bucket: str, root: Path = ROOT) -> tuple[str, str]:
    """Build and upload the job; the URIs of `job_uris`. What is there already is the same, and replaced."""
    main_uri, zip_uri = job_uris(bucket, root)
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "spark_job.zip"
        build_job(root, archive)
        for uri, file in ((main_uri, root / ENTRY_POINT), (zip_uri, archive)):
            s3.upload_file(str(file), bucket, uri.removeprefix(f"s3://{bucket}/"))
    return main_uri, zip_uri
