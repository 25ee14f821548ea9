"""The deployed function: it checks a request, claims its run, and starts a cluster within the limit."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.contract.aws_clients import EMRClient, S3Client
from infra.contract.prefixes import LAUNCHES, RUNS
from infra.launch.checks import (
    RepeatedRunError,
    active_clusters,
    active_runs,
    check_request,
    read_request,
    refuse_repetition,
)
from infra.launch.cluster_request import with_step
from infra.launch.functions.launcher.claims import Claims
from infra.launch.image_listing import list_images
from infra.launch.run_request import DeployedJob, RunRequest, submission
from spark_job.contract.errors import FruitError
from spark_job.contract.run_layout import MANIFEST, PARAMETERS
from spark_job.contract.uris import bucket_and_key

DEFINITION = Path(__file__).with_name("definition.json")
Answer = dict[str, Any]


@dataclass(frozen=True)
class ClusterStarter:
    """What starts clusters of one stage."""

    deployed: DeployedJob  # the job that the clusters run
    cluster: Mapping[str, Any]  # request of RunJobFlow, with the step of the deploy
    emr: EMRClient
    # As `emr`, but it never repeats a request: EMR cannot tell a second RunJobFlow from the same one once
    # more, and no answer is better than two clusters.
    starter: EMRClient
    s3: S3Client

    @classmethod
    def from_text(cls, text: str, emr: EMRClient, starter: EMRClient, s3: S3Client) -> Self:
        """Read deployed job and cluster from the JSON that the stack packs with the function."""
        content = json.loads(text)
        return cls(DeployedJob.from_json(content["deployed"]), content["cluster"], emr, starter, s3)

    def answer(self, event: Mapping[str, Any]) -> Answer:
        """Return the answer to `{"describe": true}`, `{"scheduled": true}` or `{"run": REQUEST}`.

        A refusal is an answer too, `{"error": TEXT, "exit_code": NUMBER}`: a person reads it. Nobody reads
        what the schedule is answered: there a refusal is an error of the function, which raises an alarm.
        """
        if event.get("scheduled"):
            return self._run_if_new()
        if event.get("describe"):
            return asdict(self.deployed)
        try:
            return self.launch(read_request(event.get("run")))
        except FruitError as error:
            return {"error": str(error), "exit_code": error.exit_code}
        except ClientError as error:
            details = error.response["Error"]
            text = f"{error.operation_name}: {details.get('Code')}: {details.get('Message')}"
            return {"error": text, "exit_code": FruitError.exit_code}

    def launch(self, request: RunRequest) -> Answer:
        """Start a cluster that ends with its run, and return the ids of run, cluster and step.

        Raises FruitError: the request is not allowed, not new, or too dear; ClientError: EMR refuses.
        """
        check_request(request, self.deployed)
        run, prefix, active = submission(self.deployed, request), self.deployed.prefix, self._active_runs()
        refuse_repetition(self.s3, self._results_bucket, run.run_id, active, resume=request.resume)
        claims = Claims(self.s3, self.deployed.artifacts_bucket)
        claims.take(run.run_id, lambda: active_clusters(self.emr, prefix))
        try:
            self._check_cost(claims, run.run_id)
            request_of_cluster = with_step(self.cluster, prefix + run.run_id, run.arguments)
            started = self.starter.run_job_flow(**request_of_cluster)
        except BaseException:
            claims.drop(run.run_id)
            raise
        cluster_id = started["JobFlowId"]
        claims.keep(run.run_id, cluster_id)
        bucket, latest = self.deployed.artifacts_bucket, self._latest_key(request)
        self.s3.put_object(Bucket=bucket, Key=latest, Body=run.run_id.encode())
        (step,) = self.emr.list_steps(ClusterId=cluster_id)["Steps"]
        return {"run_id": run.run_id, "cluster_id": cluster_id, "step_id": step["Id"]}

    def _active_runs(self) -> dict[str, str]:
        prefix = self.deployed.prefix
        return active_runs(self.emr, active_clusters(self.emr, prefix), prefix)

    @property
    def _results_bucket(self) -> str:
        return bucket_and_key(self.deployed.results_uri)[0]

    def _check_cost(self, claims: Claims, run_id: str) -> None:
        """Check that this cluster and all others together stay within the hourly limit. Raises FruitError.

        Of two calls at once, each has claimed its run before it looks, so at least one sees the other.
        Claims are read before clusters: a run that gets its cluster in between is among the clusters.
        """
        prefix, cost, most = self.deployed.prefix, self.deployed.hourly_usd, self.deployed.most_hourly_usd
        claimed = {prefix + other for other in claims.pending() if other != run_id}
        others = claimed | set(active_clusters(self.emr, prefix).values())
        if (len(others) + 1) * cost > most:
            raise FruitError(
                f"{len(others)} other cluster(s) of this stage are up, and with this one all may cost "
                f"{(len(others) + 1) * cost:.2f} USD an hour, {most:g} are allowed: try again when one has "
                "ended, or deploy with a larger max_hourly_cost_usd"
            )

    def _run_if_new(self) -> Answer:
        """Start a run on all sources, with the deploy's options, unless nothing is new since the last one.

        While an earlier one is under way the next waits for its results: else both would compute the same.
        """
        images = tuple(f"s3://{bucket}" for bucket in self.deployed.image_buckets)
        listing = list_images(self.s3, images, print, self.deployed.value("--labels"))
        if listing.newest is None:
            return {"skipped": "there are no images"}
        request = RunRequest(images=images, fingerprint=listing.fingerprint, resume=True)
        moments = map(self._began, self._latest_runs(request))
        listed_at = max((moment for moment in moments if moment), default=None)
        if listed_at and listing.newest <= listed_at:
            return {"skipped": f"nothing is newer than {listed_at:%Y-%m-%d %H:%M:%S} UTC"}
        active = self._active_runs()
        for run_id in self._latest_runs(request):
            if run_id in active:
                return {"skipped": f"run {run_id} is {active[run_id]}"}
        try:
            return self.launch(request)
        except RepeatedRunError as error:
            return {"skipped": str(error)}

    def _latest_runs(self, request: RunRequest) -> list[str]:
        """Return the deploy's own run, that of the very request, and the latest that was started for it.

        Each may have listed the images, whatever there were then.
        """
        run_ids = [self.deployed.run_id, submission(self.deployed, request).run_id]
        bucket, key = self.deployed.artifacts_bucket, self._latest_key(request)
        if self._written(bucket, key):
            run_ids.append(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
        return [run_id for run_id in run_ids if run_id]

    def _began(self, run_id: str) -> datetime | None:
        """Return when a complete run began to list; its parameters are written before all else, and once."""
        folder = f"{RUNS}/{run_id}"
        if self._written(self._results_bucket, f"{folder}/{MANIFEST}") is None:
            return None
        return self._written(self._results_bucket, f"{folder}/{PARAMETERS}")

    def _written(self, bucket: str, key: str) -> datetime | None:
        """Return when an object was written; None: there is none. A listing needs no right to read."""
        found = self.s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
        return next((entry["LastModified"] for entry in found if entry["Key"] == key), None)

    def _latest_key(self, request: RunRequest) -> str:
        """Return the object that names the latest run of the request, whatever images there were."""
        anything = submission(self.deployed, replace(request, fingerprint="", resume=False))
        return f"{LAUNCHES}/latest/{anything.run_id}"


def handle(event: dict[str, Any], context: Any) -> Answer:
    """Answer one call; see `ClusterStarter.answer`."""
    starter = boto3.client("emr", config=Config(retries={"total_max_attempts": 1}))
    text = Template(DEFINITION.read_text()).safe_substitute(os.environ)
    answer = ClusterStarter.from_text(text, boto3.client("emr"), starter, boto3.client("s3")).answer(event)
    print(json.dumps({"event": event, "answer": answer}))
    return answer
