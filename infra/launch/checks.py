"""What must be true before a run is submitted, by `fruit submit` or by the function that starts clusters."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from infra.contract.aws_clients import EMRClient, S3Client
from infra.contract.prefixes import JOBS, RUNS
from infra.launch.run_request import DeployedJob, RunRequest, brought_job, job_arguments
from spark_job.contract.errors import FruitError, MisuseError
from spark_job.contract.image_names import FOLDER, is_table
from spark_job.contract.image_names import check_labels as check_rule
from spark_job.contract.options import SUBMIT, read_words
from spark_job.contract.run_layout import MANIFEST
from spark_job.contract.run_options import RunOptions
from spark_job.contract.uris import bucket_and_key, contains

# A run id is this name, `-` and a digest, 63 characters at most: `-c run=` takes 64, --run-id 128.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
DIGEST = re.compile(r"[0-9a-f]+")
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
ACTIVE_CLUSTERS: list[Any] = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
ACTIVE_STEPS: list[Any] = ["PENDING", "CANCEL_PENDING", "RUNNING"]


class RepeatedRunError(FruitError):
    """The run is under way, or it has results; the message says what to do instead."""


def check_name(name: str | None) -> None:
    """Check that a name can begin a run id. Raises MisuseError."""
    if name is not None and not NAME.fullmatch(name):
        raise MisuseError(
            f"--name {name!r}: letters, digits, '.', '_' and '-' are allowed, 50 at most, "
            "the first a letter or digit"
        )


def check_images(uris: Iterable[str], buckets: Iterable[str]) -> None:
    """Check that the cluster may read there. Raises MisuseError."""
    readable = tuple(buckets)
    for uri in uris:
        if bucket_and_key(uri)[0] not in readable:
            allowed = ", ".join(f"s3://{name}" for name in readable)
            raise MisuseError(f"{uri}: the cluster reads images in {allowed} alone; `upload` puts them there")


def check_labels(labels: str, buckets: Iterable[str]) -> None:
    """Check that the cluster may read a table of labels. Raises MisuseError."""
    check_rule(labels)
    readable = [f"s3://{name}" for name in buckets]
    if is_table(labels) and not any(contains(bucket, labels) for bucket in readable):
        raise MisuseError(
            f"--labels {labels}: the cluster reads tables in {', '.join(readable)} alone: copy it there, as "
            f"by `aws s3 cp labels.csv {readable[0]}/`, and give its s3:// URI"
        )


def read_request(content: Any) -> RunRequest:
    """Return a request that came from outside. Raises MisuseError where it has not the shape of one."""
    wrong = MisuseError('a request is {"images": [TEXT], "fingerprint": TEXT, …}: `fruit submit` writes it')
    try:
        request = RunRequest.from_json(content)
        words = (*request.images, *request.options, *(request.code or ()), request.fingerprint)
    except (AttributeError, KeyError, TypeError):
        raise wrong from None
    name = "" if request.name is None else request.name
    if not (all(isinstance(word, str) for word in (*words, name)) and isinstance(request.resume, bool)):
        raise wrong
    return request


def check_request(request: RunRequest, deployed: DeployedJob) -> None:
    """Check a request that came from outside: nothing but what `submit` can ask for.

    Raises MisuseError: It asks for more, or for what the job would refuse.
    """
    check_name(request.name)
    check_images(request.images, deployed.image_buckets)
    if not FINGERPRINT.fullmatch(request.fingerprint):
        raise MisuseError(f"fingerprint {request.fingerprint!r}: 64 hexadecimal digits are needed")
    options = read_words(RunOptions.table(SUBMIT), request.options)
    check_labels(options.get("labels", FOLDER), deployed.image_buckets)
    reduction = options.get("reduction")
    if reduction and not contains(deployed.results_uri, reduction):
        raise MisuseError(f"--reduction {reduction}: give a run below {deployed.results_uri}")
    if request.code:
        digest = request.code[0].rpartition("/")[0].rpartition("/")[2]
        brought = brought_job(deployed.artifacts_bucket, digest)
        if not DIGEST.fullmatch(digest) or request.code != brought:
            given, jobs = ", ".join(request.code), f"s3://{deployed.artifacts_bucket}/{JOBS}"
            raise MisuseError(f"{given}: a job that a person brings lies below {jobs}, as --job-code puts it")
    _, *words = job_arguments(deployed, request)
    RunOptions.parse([*words, f"--run-id={deployed.run_id}"])


def active_clusters(emr: EMRClient, prefix: str) -> dict[str, str]:
    """Return the clusters of the stage that are up or start, id to name."""
    pages = emr.get_paginator("list_clusters").paginate(ClusterStates=ACTIVE_CLUSTERS)
    clusters = {cluster["Id"]: cluster["Name"] for page in pages for cluster in page["Clusters"]}
    return {cluster_id: name for cluster_id, name in clusters.items() if name.startswith(prefix)}


def active_runs(emr: EMRClient, cluster_ids: Iterable[str], prefix: str) -> dict[str, str]:
    """Return the runs that wait or are running on these clusters: run id to state, step and cluster."""
    pages, runs = emr.get_paginator("list_steps"), {}
    for cluster_id in cluster_ids:
        for page in pages.paginate(ClusterId=cluster_id, StepStates=ACTIVE_STEPS):
            for step in page["Steps"]:
                state = f"{step['Status']['State']} already, step {step['Id']} of cluster {cluster_id}"
                runs[step["Name"].removeprefix(prefix)] = state
    return runs


def refuse_repetition(
    s3: S3Client, results_bucket: str, run_id: str, active: Mapping[str, str], *, resume: bool
) -> None:
    """Refuse to run the same twice, which costs money and gives nothing new.

    Raises RepeatedRunError: It is in `active_runs` or complete; or it is unfinished and not to be resumed.
    """
    if run_id in active:
        raise RepeatedRunError(f"run {run_id} is {active[run_id]}: `status {run_id}` tells how it goes")
    folder = f"{RUNS}/{run_id}/"
    if holds(s3, results_bucket, folder + MANIFEST):
        raise RepeatedRunError(
            f"run {run_id} is complete: the same images and parameters give the same results; "
            f"`fetch {run_id}` gets them, --name makes another run"
        )
    if not resume and holds(s3, results_bucket, folder):
        raise RepeatedRunError(f"run {run_id} was begun and is unfinished: --resume goes on with it")


def holds(s3: S3Client, bucket: str, prefix: str) -> bool:
    """Return whether a bucket has any object whose key begins with the prefix."""
    return "Contents" in s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
