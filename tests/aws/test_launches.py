"""The function that starts clusters: what it refuses or does only once, and what the schedule starts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from infra.launch.checks import RepeatedRunError
from infra.launch.functions.launcher import handler
from infra.launch.functions.launcher.claims import PENDING, Claims
from infra.launch.run_request import RunRequest, submission
from spark_job.contract.errors import FruitError
from tests.aws.launching import DEPLOYED, PREFIX, REGION, definition, launcher
from tests.doubles import Double

NOW = datetime.now(UTC)
SOURCES = tuple(f"s3://{bucket}" for bucket in DEPLOYED.image_buckets)
REQUEST = RunRequest(images=SOURCES, fingerprint="0" * 64)
JOB = "s3://fruit-artifacts/jobs/0123456789abcdef"
CHEAP = replace(DEPLOYED, most_hourly_usd=100.0)


@pytest.fixture(autouse=True)
def s3(aws) -> Any:
    """The buckets of a deployment, without its stacks, which nothing here asks for."""
    client: Any = boto3.client("s3", REGION)
    for bucket in (*DEPLOYED.image_buckets, "fruit-results", "fruit-artifacts"):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


def clusters() -> list[str]:
    return sorted(one["Name"] for one in boto3.client("emr", REGION).list_clusters()["Clusters"])


def answer(request: RunRequest, **more: Any) -> dict[str, Any]:
    """What a person is answered."""
    return launcher(**more).answer({"run": request.__dict__})


def put(bucket: str, key: str, minutes_ago: float = 0.0, content: bytes = b"{}") -> None:
    """An object that was written so long ago."""
    boto3.client("s3", REGION).put_object(Bucket=bucket, Key=key, Body=content)
    moto: Any = s3_backends["123456789012"]["aws"].buckets[bucket].keys[key]
    moto.last_modified = NOW.replace(tzinfo=None) - timedelta(minutes=minutes_ago)


def complete(run_id: str, minutes_ago: float) -> None:
    """A complete run that began so long ago."""
    put("fruit-results", f"runs/{run_id}/run.json", minutes_ago)
    put("fruit-results", f"runs/{run_id}/manifest.json")


class Refusing(Double):
    """An EMR that starts nothing."""

    def __init__(self) -> None:
        self.emr: Any = boto3.client("emr", REGION)

    def get_paginator(self, operation: str) -> Any:
        return self.emr.get_paginator(operation)

    def run_job_flow(self, **_: Any) -> Any:
        error: Any = {"Error": {"Code": "ValidationException", "Message": "vCPU quota"}}
        raise ClientError(error, "RunJobFlow")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": ("s3://elsewhere",)}, "s3://elsewhere: the cluster reads images in s3://fruit-images"),
        ({"images": ("s3://fruit-images", "s3://fruit-images/a")}, "overlap"),
        (
            {"options": ("--extractor=s3://elsewhere/e",)},
            "is no option of the job",
        ),
        ({"options": ("--previous=s3://elsewhere/run",)}, "is no option of the job"),
        ({"options": ("--sample=0",)}, "--sample 0: give a whole number of at least 1"),
        ({"options": ("--reduction=s3://elsewhere/run-1",)}, "give a run below s3://fruit-results/runs"),
        ({"options": ("--labels=folders",)}, "--labels folders: give folder, folder:N"),
        (
            {"options": ("--labels=s3://elsewhere/l.csv",)},
            "reads tables in s3://fruit-images, s3://fruit-tail",
        ),
        ({"options": ("--variance=0.5", "--components=3")}, "exclude each other"),
        (
            {"code": ("s3://elsewhere/main.py", "s3://elsewhere/job.zip")},
            "lies below s3://fruit-artifacts/jobs",
        ),
        (
            {"code": (f"{JOB}/../../transit/main.py", f"{JOB}/spark_job.zip")},
            "lies below s3://fruit-artifacts/jobs",
        ),
        (
            {"code": (f"{JOB}/main.py", f"{JOB}/spark_job.zip,https://elsewhere/job.zip")},
            "lies below s3://fruit-artifacts/jobs",
        ),
        ({"code": (f"{JOB}/main.py",)}, "lies below s3://fruit-artifacts/jobs"),
        ({"images": None}, "a request is {"),
        ({"options": (1,)}, "a request is {"),
        ({"name": 0}, "a request is {"),
        ({"resume": "no"}, "a request is {"),
        ({"name": "../x"}, "letters, digits"),
        ({"fingerprint": "f"}, "64 hexadecimal digits"),
    ],
)
def test_what_submit_cannot_ask_for_is_misuse(change, words):
    """A request comes from outside: whoever may call the function could write any."""
    refused = answer(replace(REQUEST, **change))
    assert words in refused["error"]
    assert (refused["exit_code"], clusters()) == (2, [])


def test_of_two_at_once_one_gets_the_run(s3):
    """Whoever writes the claim first; the other one is told so, and starts nothing."""
    run_id = submission(DEPLOYED, REQUEST).run_id
    Claims(s3, "fruit-artifacts").take(run_id, set)
    assert answer(REQUEST)["error"] == (
        f"run {run_id} is started at this moment: `status {run_id}` tells how it goes"
    )
    assert clusters() == []


def test_a_call_without_a_request_is_misuse():
    """One line instead of a failing function, which would raise an alarm."""
    for event in ({}, {"run": None}, {"run": {"fingerprint": "0" * 64}}, {"run": {"unknown": 1}}):
        assert launcher().answer(event)["exit_code"] == 2


def test_a_run_that_was_started_since_the_first_look_is_refused(monkeypatch):
    """Another call claims, starts and notes its cluster while this one still lists steps."""
    active_runs = handler.active_runs

    def outdated(emr, clusters, prefix):
        found = active_runs(emr, clusters, prefix)
        monkeypatch.setattr(handler, "active_runs", active_runs)
        assert "cluster_id" in answer(REQUEST)
        return found

    monkeypatch.setattr(handler, "active_runs", outdated)
    assert "is started on cluster j-" in answer(REQUEST)["error"]
    assert len(clusters()) == 1


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied"])
def test_a_claim_that_is_given_back_at_this_moment_is_no_crash(s3, monkeypatch, code):
    """It is gone when it is to be read, which S3 says in either way, or to be taken over."""

    def gone(**_):
        raise ClientError({"Error": {"Code": code, "Message": ""}}, "GetObject")

    monkeypatch.setattr(s3, "get_object", gone)
    claims = Claims(s3, "fruit-artifacts")
    monkeypatch.setattr(claims, "_put", lambda *_, **__: False)
    with pytest.raises(RepeatedRunError, match="try again in a minute"):
        claims.take("run-1", set)
    assert not Claims(s3, "fruit-artifacts")._put("run-1", None, IfMatch='"etag"')


def test_only_the_start_of_a_cluster_is_never_repeated(monkeypatch, tmp_path):
    """A busy EMR is asked again for its lists."""
    attempts = []

    def client(service, config=None):
        attempts.append((service, config.retries["total_max_attempts"] if config else None))

    (tmp_path / "definition.json").write_text(definition())
    monkeypatch.setattr(handler, "DEFINITION", tmp_path / "definition.json")
    monkeypatch.setattr(handler.boto3, "client", client)
    assert handler.handle({"describe": True}, None)["prefix"] == PREFIX
    assert sorted(attempts, key=str) == [("emr", 1), ("emr", None), ("s3", None)]


def test_a_claim_whose_owner_is_gone_is_taken_over(s3):
    """A function lives for minutes; its claim without a cluster means nothing after that."""
    run_id = submission(DEPLOYED, REQUEST).run_id
    Claims(s3, "fruit-artifacts").take(run_id, set)
    key = f"launches/runs/{run_id}.json"
    moto: Any = s3_backends["123456789012"]["aws"].buckets["fruit-artifacts"].keys[key]
    moto.last_modified = NOW.replace(tzinfo=None) - PENDING
    assert answer(REQUEST)["run_id"] == run_id


def test_the_claim_of_a_cluster_that_has_ended_is_taken_over():
    """While it is up the run is refused; then the same request may go on."""
    emr, first = boto3.client("emr", REGION), answer(REQUEST)
    assert f"step {first['step_id']} of cluster {first['cluster_id']}" in answer(REQUEST)["error"]
    emr.terminate_job_flows(JobFlowIds=[first["cluster_id"]])
    assert answer(REQUEST)["cluster_id"] != first["cluster_id"]


def test_without_a_cluster_the_claim_goes():
    """EMR's reason is the answer; the next attempt is a first one."""
    assert answer(REQUEST, emr=Refusing()) == {
        "error": "RunJobFlow: ValidationException: vCPU quota",
        "exit_code": 1,
    }
    assert "cluster_id" in answer(REQUEST)


def test_all_clusters_together_stay_within_the_hourly_limit(s3):
    """Those that are only claimed count as well: of two at once, each sees the other."""
    assert "cluster_id" in answer(REQUEST)
    Claims(s3, "fruit-artifacts").take("another-run", set)
    refused = answer(replace(REQUEST, name="third"))
    assert "2 other cluster(s) of this stage are up" in refused["error"]
    Claims(s3, "fruit-artifacts").drop("another-run")
    assert "cluster_id" in answer(replace(REQUEST, name="third"))


def test_the_clusters_of_another_stage_do_not_count():
    """Each stage has its own limit."""
    for deployed in (DEPLOYED, replace(DEPLOYED, prefix="fruit-features-prod-")):
        for name in ("one", "two"):
            assert "cluster_id" in answer(replace(REQUEST, name=name), deployed=deployed)


def scheduled(deployed=CHEAP) -> dict[str, Any]:
    return launcher(deployed).answer({"scheduled": True})


def end_all() -> None:
    emr = boto3.client("emr", REGION)
    emr.terminate_job_flows(JobFlowIds=[one["Id"] for one in emr.list_clusters()["Clusters"]])


def test_the_schedule_starts_nothing_without_images():
    """And says so in its log."""
    assert scheduled() == {"skipped": "there are no images"}


def test_the_schedule_runs_on_all_sources_as_the_deploy_does():
    """The same run that a person's `submit` without options would be."""
    put("fruit-images", "Training/Apple/1.jpg")
    done = scheduled()
    (step,) = boto3.client("emr", REGION).list_steps(ClusterId=done["cluster_id"])["Steps"]
    words = step["Config"]["Args"]
    assert [word for word in words if word.startswith("--images=")] == [f"--images={uri}" for uri in SOURCES]
    assert {"--previous=latest", "--removed=drop", "--variance=0.8", "--resume"} <= set(words)
    assert clusters() == [PREFIX + done["run_id"]]


def test_nothing_new_starts_nothing():
    """After a complete run: the same images, fewer of them, or images of before; one more starts a run."""
    put("fruit-images", "Training/Apple/1.jpg", minutes_ago=90)
    put("fruit-images", "Training/Apple/2.jpg", minutes_ago=80)
    first = scheduled()["run_id"]
    complete(first, minutes_ago=60)
    end_all()
    assert "nothing is newer than" in scheduled()["skipped"]
    boto3.client("s3", REGION).delete_object(Bucket="fruit-images", Key="Training/Apple/1.jpg")
    assert "nothing is newer than" in scheduled()["skipped"]
    put("fruit-taillefixe", "Pear/1.jpg", minutes_ago=50)
    assert scheduled()["run_id"] != first


def test_what_the_deploy_s_run_has_seen_is_not_new():
    """A deploy needs no second run of the same images."""
    put("fruit-images", "Training/Apple/1.jpg", minutes_ago=90)
    complete(DEPLOYED.run_id, minutes_ago=60)
    assert "nothing is newer than" in scheduled()["skipped"]


def test_what_a_person_s_run_has_seen_is_not_new(s3):
    """A run of the same request that somebody submitted, on whichever cluster."""
    put("fruit-images", "Training/Apple/1.jpg", minutes_ago=90)
    run_id = scheduled()["run_id"]
    end_all()
    s3.delete_object(Bucket="fruit-artifacts", Key=f"launches/runs/{run_id}.json")
    complete(run_id, minutes_ago=60)
    assert "nothing is newer than" in scheduled()["skipped"]


def test_a_run_that_failed_is_tried_again_and_one_under_way_is_not():
    """It has no manifest; its step is active or has ended."""
    put("fruit-images", "Training/Apple/1.jpg", minutes_ago=90)
    first = scheduled()
    put("fruit-results", f"runs/{first['run_id']}/run.json", minutes_ago=60)
    assert "already, step" in scheduled()["skipped"]
    end_all()
    assert scheduled()["run_id"] == first["run_id"]


def test_a_run_under_way_is_waited_for_though_there_are_new_images():
    """Hourly, and a run takes hours: each would compute the whole archive beside the others."""
    put("fruit-images", "Training/Apple/1.jpg", minutes_ago=90)
    first = scheduled()
    put("fruit-images", "Training/Apple/2.jpg", minutes_ago=1)
    assert f"run {first['run_id']} is " in scheduled()["skipped"]
    end_all()
    assert scheduled()["run_id"] != first["run_id"]


def test_files_that_are_no_images_start_no_run():
    """The run would find nothing to compute, night after night."""
    put("fruit-images", "readme.txt")
    put("fruit-images", ".thumbnails/1.jpg")
    assert scheduled() == {"skipped": "there are no images"}
    put("fruit-images", "Training/Apple/1.jpg", minutes_ago=90)
    complete(scheduled()["run_id"], minutes_ago=60)
    end_all()
    put("fruit-images", "readme.txt")
    assert "nothing is newer than" in scheduled()["skipped"]


def test_a_new_table_of_labels_starts_a_run_though_no_image_is_new():
    """Of a deployment that has one."""
    deployed = replace(CHEAP, job=(*CHEAP.job, "--labels=s3://fruit-images/labels.csv"))
    put("fruit-images", "Training/Apple/1.jpg", minutes_ago=90)
    put("fruit-images", "labels.csv", minutes_ago=80)
    complete(scheduled(deployed)["run_id"], minutes_ago=60)
    end_all()
    assert "nothing is newer than" in scheduled(deployed)["skipped"]
    put("fruit-images", "labels.csv", minutes_ago=50, content=b"path,label")
    assert "run_id" in scheduled(deployed)


def test_another_job_starts_a_run_though_no_image_is_new():
    """Another extractor gives other features."""
    put("fruit-images", "Training/Apple/1.jpg", minutes_ago=90)
    complete(scheduled()["run_id"], minutes_ago=60)
    end_all()
    assert "run_id" in scheduled(replace(CHEAP, extractor="s3://cdk-assets/another.zip"))


def test_the_schedule_raises_what_a_person_is_told():
    """Nobody reads its answers: an error of the function raises an alarm."""
    put("fruit-images", "Training/Apple/1.jpg")
    with pytest.raises(FruitError, match="are allowed: try again"):
        scheduled(replace(DEPLOYED, most_hourly_usd=1.0))
