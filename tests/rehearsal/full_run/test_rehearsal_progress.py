"""Each change of cluster and step is printed once, and why a run failed."""

import pytest
from botocore.exceptions import ClientError

from rehearsal.full_run.deploy_progress import DeployProgress

LOGS = "emr/j-1/"
STDERR = "containers/application_1_0001/container_1_0001_01_000001/stderr"


class Pages:
    def __init__(self, answer):
        self.paginate = lambda **request: [answer(**request)]


class Aws:
    """An EMR with one cluster and one step whose states the test sets, and the logs in S3."""

    def __init__(self):
        self.cluster, self.step, self.logs = "STARTING", "PENDING", {}
        self.name_prefix, self.logs_uri = "fruit-features-dev-", "s3://logs/emr"

    @property
    def deployment(self):
        return self

    def client(self, _service):
        return self

    def get_paginator(self, operation):
        return Pages(getattr(self, operation))

    def list_clusters(self, **_):
        status = {"State": self.cluster, "StateChangeReason": {"Message": "bootstrap failed"}}
        return {"Clusters": [{"Id": "j-1", "Name": "fruit-features-dev-run-1", "Status": status}]}

    def list_instances(self, **_):
        return {"Instances": [{"Id": f"ci-{n}", "Status": {"State": "RUNNING"}} for n in range(3)]}

    def list_steps(self, **_):
        timeline = {} if self.step in ("PENDING", "CANCELLED") else {"StartDateTime": 1}
        status = {"State": self.step, "Timeline": timeline, "FailureDetails": {"Reason": "Unknown Error."}}
        return {"Steps": [{"Id": "s-1", "Name": "fruit-features-dev-run-1", "Status": status}]}

    def list_objects_v2(self, Prefix, **_):  # noqa: N803 - boto3's own name
        return {"Contents": [{"Key": key} for key in self.logs if key.startswith(Prefix)]}

    def get_object(self, Bucket, Key):  # noqa: N803 - boto3's own name
        return {"Body": type("Body", (), {"read": lambda _: self.logs[Key].encode()})()}


@pytest.fixture
def aws():
    return Aws()


@pytest.fixture
def lines():
    return []


@pytest.fixture
def progress(aws, lines):
    return DeployProgress(aws, lines.append)


def test_each_state_is_told_once(aws, progress, lines):
    """However often it looks."""
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


def test_the_drivers_latest_progress_is_told(aws, progress, lines):
    """Of several lines that came at once the last, and none twice."""
    aws.step = "RUNNING"
    aws.logs = {
        f"{LOGS}steps/s-1/stderr": "Submitted application_1_0001\n",
        LOGS
        + STDERR.replace(
            "stderr", "stdout"
        ): "listing …\nwarning\nfeatures …\nfeatures: 96 of 480 images, 30 images/s\n",
    }
    progress.look()
    progress.look()
    assert lines[-1] == "features: 96 of 480 images, 30 images/s"
    assert lines.count(lines[-1]) == 1


def test_a_failed_step_is_told_with_the_drivers_last_lines(aws, progress):
    """And with EMR's reason and the place of the logs."""
    aws.step = "FAILED"
    aws.logs = {f"{LOGS}steps/s-1/stderr": "application_1_0001\n", LOGS + STDERR: "Error: disk full\n"}
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
