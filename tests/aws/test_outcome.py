"""Following a step: each state is told once, a failure ends with what the driver said last."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from operate.emr.steps import Step, cancel_step, follow
from operate.errors import OperateError
from operate.runs.logs import StepLogs, last_lines
from operate.runs.watch import driver_words, failure
from tests.doubles import Double

MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Emr(Double):
    """Answers DescribeStep with one state after the other."""

    def __init__(self, *states):
        self.states = list(states)

    def describe_step(self, **_):
        status = {
            "State": self.states.pop(0),
            "Timeline": {"CreationDateTime": MOMENT},
            "FailureDetails": {
                "Reason": "Unknown Error.",
                "Message": "exit code 1",
                "LogFile": "s3://l/stderr.gz",
            },
        }
        return {"Step": {"Id": "s-1", "Name": "run-1", "Config": {"Args": ["a"]}, "Status": status}}

    def cancel_steps(self, **_):
        return {"CancelStepsInfoList": [{"StepId": "s-1", "Status": "FAILED", "Reason": "it has ended"}]}


def test_following_tells_each_state_once_and_returns_the_end(monkeypatch):
    """It sleeps between looks and not after the last."""
    said, slept = [], []
    emr = Emr("PENDING", "RUNNING", "RUNNING", "FAILED")
    monkeypatch.setattr("operate.emr.steps.time", SimpleNamespace(sleep=slept.append))
    step = follow(emr, "j-1", "s-1", said.append)
    assert said == ["run-1 PENDING", "run-1 RUNNING", "run-1 FAILED"]
    assert slept == [10, 10, 10]
    assert (step.state, step.reason) == ("FAILED", "Unknown Error.; exit code 1")


def test_a_failure_names_state_reason_and_logs_in_one_line():
    """Also when EMR gave no reason, or one for the end of the cluster only."""
    step = Step("s-1", "run-1", "CANCELLED", (), None, None, None, "")
    assert "CANCELLED: no capacity; logs" in failure(step, "s3://logs/", "no capacity")
    assert failure(step, "s3://logs/emr/j-1/steps/s-1/") == (
        "step s-1 (run-1) CANCELLED: EMR gave no reason; logs s3://logs/emr/j-1/steps/s-1/ and `logs s-1`"
    )


def test_the_drivers_words_are_waited_for_a_minute(aws, monkeypatch):
    """Without any log the failure is told all the same."""
    import boto3

    s3 = boto3.client("s3", "eu-west-3")
    s3.create_bucket(Bucket="some-logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    logs, slept = StepLogs(s3, "s3://some-logs/emr/j-1", "s-1"), []
    # Not of `time` itself: other threads of this process sleep, too.
    monkeypatch.setattr("operate.runs.watch.time", SimpleNamespace(sleep=slept.append))
    assert driver_words(logs) == []
    assert sum(slept) == 60
    s3.put_object(Bucket="some-logs", Key="emr/j-1/steps/s-1/stderr.gz", Body=b"no such file\n")
    assert driver_words(logs) == ["no such file"]


def test_a_refused_cancellation_tells_emrs_reason():
    """EMR answers with success and says the refusal inside."""
    with pytest.raises(OperateError, match="step s-1 is not cancelled: it has ended"):
        cancel_step(Emr(), "j-1", "s-1")


def test_sparks_news_of_its_shutdown_hides_nothing():
    """The job's own words are among the last lines; where there is nothing else, the news are."""
    news = [f"26/11/21 15:32:38 INFO SparkUI: line {number}" for number in range(30)]
    failed = "26/11/21 15:32:38 ERROR ApplicationMaster: User application exited with status 2"
    assert last_lines("\n".join(["Error: no images", failed, *news]), 20) == ["Error: no images", failed]
    assert last_lines("\n".join(news), 2) == news[-2:]
