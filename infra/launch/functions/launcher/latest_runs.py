"""What the latest run of a request has listed, so that the schedule knows whether there is anything new."""

from dataclasses import replace
from datetime import datetime

from infra.contract.aws_clients import S3Client
from infra.contract.prefixes import LAUNCHES, RUNS
from infra.launch.deployed_job import DeployedJob
from infra.launch.run_request import RunRequest, submission
from spark_job.contract.run_layout import MANIFEST, PARAMETERS
from spark_job.contract.uris import bucket_and_key


class LatestRuns:
    """The latest run that was started for each request, whatever images there were."""

    def __init__(self, s3: S3Client, deployed: DeployedJob) -> None:
        self._s3, self._deployed = s3, deployed

    def note(self, request: RunRequest, run_id: str) -> None:
        """Note that this is the latest run of the request."""
        self._s3.put_object(
            Bucket=self._deployed.artifacts_bucket, Key=self._key(request), Body=run_id.encode()
        )

    def listed_at(self, request: RunRequest) -> datetime | None:
        """Return when the latest complete run of a request without options began to list its images.

        The run of the deploy itself counts, and the very run of the request. None: none of them is complete.
        """
        moments = map(self._began, self.run_ids(request))
        return max((moment for moment in moments if moment), default=None)

    def run_ids(self, request: RunRequest) -> list[str]:
        """Return the deploy's own run, that of the very request, and the latest one that was started."""
        same = submission(self._deployed, request).run_id
        return [run_id for run_id in (self._deployed.run_id, same, self._noted(request)) if run_id]

    def _noted(self, request: RunRequest) -> str | None:
        bucket, key = self._deployed.artifacts_bucket, self._key(request)
        if self._written(bucket, key) is None:
            return None
        return self._s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()

    def _began(self, run_id: str) -> datetime | None:
        """Return when a complete run began; its parameters are written before anything else, and once."""
        bucket = bucket_and_key(self._deployed.results_uri)[0]
        if self._written(bucket, f"{RUNS}/{run_id}/{MANIFEST}") is None:
            return None
        return self._written(bucket, f"{RUNS}/{run_id}/{PARAMETERS}")

    def _written(self, bucket: str, key: str) -> datetime | None:
        """Return when an object was written; None: there is none. A listing needs no right to read."""
        found = self._s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
        return next((entry["LastModified"] for entry in found if entry["Key"] == key), None)

    def _key(self, request: RunRequest) -> str:
        anything = submission(self._deployed, replace(request, fingerprint="", resume=False))
        return f"{LAUNCHES}/latest/{anything.run_id}"
