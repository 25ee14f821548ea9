"""Each change of cluster and step is printed once, how far the run is often, and why it failed."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from operate.runs.watch import Watch

LOGS = "emr/j-1/"
STDERR = "containers/application_1_0001/container_1_0001_01_000001/stderr"


class Pages:
    def __init__(self, answer):
        self.paginate = lambda **request: [answer(**request)]


class Aws:
    """An EMR with one cluster and one step whose states the test sets, and the logs in S3."""

    def __init__(self):
        self.cluster, self.step, self.files = None, "PENDING", {}
        self.region, self.results_bucket = "eu-west-3", "results"
        self.name_prefix, self.logs_uri = "fruit-features-dev-", "s3://logs/emr"

    @property
    def deployment(self):
        return self

    def client(self, _service):
        return self

    def get_paginator(self, operation):
        return Pages(getattr(self, operation))

    def list_clusters(self, **_):
        if self.cluster is None:
            return {"Clusters": []}
        status = {"State": self.cluster, "StateChangeReason": {"Message": "bootstrap failed"}}
        return {"Clusters": [{"Id": "j-1", "Name": "fruit-features-dev-run-1", "Status": status}]}

    def list_instances(self, **_):
        created = datetime.now(UTC) - timedelta(minutes=3)
        status = {"State": "RUNNING", "Timeline": {"CreationDateTime": created}}
        return {
            "Instances": [{"Id": f"ci-{n}", "InstanceType": "m5.xlarge", "Status": status} for n in range(3)]
        }

    def list_steps(self, **_):
        timeline = {} if self.step in ("PENDING", "CANCELLED") else {"StartDateTime": 1}
        status = {"State": self.step, "Timeline": timeline, "FailureDetails": {"Reason": "Unknown Error."}}
        return {"Steps": [{"Id": "s-1", "Name": "fruit-features-dev-run-1", "Status": status}]}

    def list_objects_v2(self, Prefix, **_):  # noqa: N803 - boto3's own name
        facts = {"Size": 1, "ETag": '"1"', "LastModified": datetime.now(UTC)}
        return {"Contents": [{"Key": key, **facts} for key in self.files if key.startswith(Prefix)]}

    def get_object(self, Bucket, Key):  # noqa: N803 - boto3's own name
        if Key not in self.files:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": ""}}, "GetObject")
        return {"Body": type("Body", (), {"read": lambda _: self.files[Key].encode()})()}


@pytest.fixture
def aws():
    return Aws()


@pytest.fixture
def lines():
    return []


@pytest.fixture
def clock():
    """Its last item is the time in seconds."""
    return [0]


def progress_file(stage, done, minutes_ago=0):
    """What a driver leaves."""
    moved = (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat()
    return json.dumps({"stage": stage, "done": done, "total": 480, "moved": moved})


@pytest.fixture
def progress(aws, lines, clock):
    return Watch(aws, lines.append, lambda: clock[-1])


def test_each_state_is_told_once(aws, progress, lines):
    """However often it looks."""
    aws.cluster = "STARTING"
    progress.look()
    progress.look()
    aws.cluster, aws.step = "RUNNING", "RUNNING"
    progress.look()
    assert lines == [
        "cluster j-1 STARTING bootstrap failed",
        "cluster j-1 has 3 nodes",
        "step s-1 PENDING",
        "cluster j-1 RUNNING bootstrap failed",
        "step s-1 RUNNING",
    ]


def test_how_far_it_is_is_told_every_ten_seconds(aws, clock, progress, lines):
    """While there is no cluster, while nodes start, and while the driver works; with what the nodes cost."""
    for seconds in (5, 10):
        clock.append(seconds)
        progress.look()
    assert lines == ["waiting for CloudFormation and EMR for 10 s"]
    aws.cluster = "STARTING"
    for seconds in (11, 15, 21):
        clock.append(seconds)
        progress.look()
    assert lines[-1] == "cluster j-1 STARTING for 21 s"
    aws.cluster = aws.step = "RUNNING"
    aws.files["runs/run-1/progress.json"] = progress_file("features", 96)
    for seconds in (22, 32):
        clock.append(seconds)
        progress.look()
    assert lines[-1] == "features: 96 of 480 images, 0.04 USD so far"


def test_a_run_that_is_stalled_is_told_with_its_last_lines(aws, clock, progress, lines):
    """The lines once, until it moves again."""
    aws.cluster = aws.step = "RUNNING"
    aws.files = {
        "runs/run-1/progress.json": progress_file("features", 96, minutes_ago=6),
        f"{LOGS}steps/s-1/stderr": "application_1_0001\n",
        LOGS + STDERR: "waiting for S3\n",
    }
    for seconds in (1, 11, 21):
        clock.append(seconds)
        progress.look()
    stalled = "STALLED for 6 minutes: features: 96 of 480 images, 0.04 USD so far"
    assert lines[3:5] == [stalled, "| waiting for S3"]
    assert lines[-1] == stalled
    assert lines.count("| waiting for S3") == 1


def test_a_failed_step_is_told_with_the_drivers_last_lines(aws, progress):
    """And with EMR's reason and the place of the logs."""
    aws.cluster, aws.step = "RUNNING", "FAILED"
    aws.files = {f"{LOGS}steps/s-1/stderr": "application_1_0001\n", LOGS + STDERR: "Error: disk full\n"}
    progress.look()
    *words, reason = progress.failure_lines()
    assert "| Error: disk full" in words
    assert reason.startswith(
        "step s-1 (fruit-features-dev-run-1) FAILED: Unknown Error.; logs s3://logs/emr/j-1/"
    )


def test_a_failed_cluster_is_told_with_its_reason(aws, progress):
    """Its step was cancelled before it ran: there is no log of a driver to wait for."""
    aws.cluster, aws.step = "TERMINATED_WITH_ERRORS", "CANCELLED"
    progress.look()
    assert progress.failure_lines() == ["cluster j-1 TERMINATED_WITH_ERRORS: bootstrap failed"]


def test_a_refused_call_is_told_once_and_is_no_failure(aws, progress, lines, monkeypatch):
    """EMR throttles; the deploy goes on."""
    error = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "ListClusters")

    def refuse(**_):
        raise error

    monkeypatch.setattr(aws, "list_clusters", refuse)
    progress.look()
    progress.look()
    assert lines == [str(error)]
    assert progress.failure_lines() == []
