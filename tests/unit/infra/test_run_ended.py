"""The function that hears of a run's end: what it reads, publishes and signals, without AWS."""

import io
import json
import threading
import urllib.error
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.run.functions.run_ended import handler
from infra.run.functions.run_ended.handler import (
    Outcome,
    Settings,
    ended,
    figure_data,
    rejected_share,
    signal,
    summary,
)
from tests.doubles import Double

SETTINGS = Settings(
    stage="dev",
    step_prefix="fruit-features-dev-",
    awaited_step="fruit-features-dev-run-1",
    results_bucket="results",
    runs_prefix="runs",
    logs_uri="s3://logs/emr",
    handle_url="http://127.0.0.1:9/",
)
METRICS = {
    "images": {"listed": 12, "usable": 9, "rejected": 1, "skipped": 2},
    "features": {"images_per_second": 120.5, "cpu_utilization": 0.9, "length": 1280},
    "reduction": {"components": 4, "explained_variance_ratio": 0.81},
    "seconds": {"total": 61.0},
}
EMPTY = {"images": {"listed": 0, "usable": 0, "rejected": 0}, "features": None, "seconds": {"total": 3.0}}


class Emr(Double):
    """Answers as EMR does; `failure` stands for an answer that is none."""

    def __init__(self, steps=(), details=None, failure=None) -> None:
        self.steps, self.details, self.failure = steps, details, failure

    def get_paginator(self, operation):
        assert operation == "list_steps"
        return self

    def paginate(self, ClusterId):  # noqa: N803 (EMR's name)
        """The latest step first, one on each page."""
        return [{"Steps": [{"Name": name, "Status": {"State": state}}]} for name, state in self.steps]

    def describe_step(self, ClusterId, StepId):  # noqa: N803
        if self.failure:
            raise self.failure
        return {"Step": {"Status": {"FailureDetails": self.details} if self.details else {}}}


class S3(Double):
    """One object, or none."""

    def __init__(self, objects) -> None:
        self.objects = objects

    def get_object(self, Bucket, Key):  # noqa: N803
        return {"Body": io.BytesIO(json.dumps(self.objects[Bucket, Key]).encode())}


def test_a_run_that_was_stopped_at_its_cost_limit_says_so_first() -> None:
    """EMR knows only that somebody ended it."""
    told = {"cost_usd": 0.41, "max_cost_usd": 0.5, "stop": True}
    s3: Any = S3({("results", "runs/run-1/cost.json"): told})
    words = handler.cost_limit("fruit-features-dev-run-1", SETTINGS, s3)
    assert words == "the cost limit was reached, 0.41 of 0.50 USD; "
    told["stop"] = False
    assert handler.cost_limit("fruit-features-dev-run-1", SETTINGS, s3) == ""
    assert handler.cost_limit("fruit-features-dev-run-2", SETTINGS, s3) == ""


def step_event(state: str, name: str = "fruit-features-dev-run-1") -> dict:
    detail = {"name": name, "clusterId": "j-1", "stepId": "s-1", "state": state, "message": "Step s-1 ended"}
    return {"detail-type": "EMR Step Status Change", "detail": detail}


def cluster_event(state: str, reason: str, name: str = "fruit-features-dev-run-1") -> dict:
    detail = {
        "name": name,
        "clusterId": "j-1",
        "state": state,
        "stateChangeReason": reason,
    }
    return {"detail-type": "EMR Cluster State Change", "detail": detail}


def test_a_completed_step_is_a_success_with_its_figures() -> None:
    """Read from the folder of the run that the step's name holds."""
    stored = S3({("results", "runs/run-1/metrics.json"): METRICS})
    outcome, metrics = ended(step_event("COMPLETED"), SETTINGS, Emr(), stored)
    assert outcome == Outcome(
        "fruit-features-dev-run-1", True, "9 images usable, 1 rejected; results s3://results/runs/run-1/"
    )
    assert metrics == METRICS


def test_another_run_s_figures_come_from_its_own_folder() -> None:
    """Runs that people submit are heard of too."""
    stored = S3({("results", "runs/autumn/metrics.json"): METRICS})
    event = step_event("COMPLETED", "fruit-features-dev-autumn")
    outcome, metrics = ended(event, SETTINGS, Emr(), stored)
    assert (outcome.step, outcome.succeeded, metrics) == ("fruit-features-dev-autumn", True, METRICS)


def test_figures_that_cannot_be_read_do_not_fail_a_complete_run() -> None:
    """It is complete all the same, and says where its results are."""
    outcome, metrics = ended(step_event("COMPLETED"), SETTINGS, Emr(), S3({}))
    assert (outcome.succeeded, metrics) == (True, None)
    assert outcome.text == "complete; results s3://results/runs/run-1/"


def test_a_first_deploy_without_images_says_what_to_do_next() -> None:
    """Nothing was tried: no share of rejected images, and a sentence."""
    assert summary(EMPTY, "s3://r/").startswith("no images yet: upload photographs")
    assert rejected_share(EMPTY) is None


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_failed_step_gives_emr_s_reason_and_where_the_logs_are(state) -> None:
    """In one line for the stack's event."""
    emr = Emr(details={"Reason": "Unknown Error.", "Message": "exit 1", "LogFile": "s3://x"})
    outcome, metrics = ended(step_event(state), SETTINGS, emr, S3({}))
    expected = f"step s-1 {state}: Unknown Error.; exit 1; logs s3://logs/emr/j-1/steps/s-1/"
    assert (outcome.succeeded, outcome.text, metrics) == (False, expected, None)


def test_a_failure_without_details_gives_the_event_s_own_words() -> None:
    """EMR knows no more, or does not answer: the deploy fails with what there is."""
    outcome, _ = ended(step_event("FAILED"), SETTINGS, Emr(), S3({}))
    assert "Step s-1 ended" in outcome.text
    outcome, _ = ended(step_event("FAILED"), SETTINGS, Emr(failure=OSError("throttled")), S3({}))
    assert "throttled" in outcome.text


@pytest.mark.parametrize("steps", [[], [("fruit-features-dev-run-1", "CANCELLED")]])
def test_a_cluster_that_dies_before_its_run_is_a_failure(steps) -> None:
    """Also without any step event: a failed bootstrap, no capacity."""
    reason = json.dumps({"code": "BOOTSTRAP_FAILURE", "message": "bootstrap action 1 returned 1"})
    event = cluster_event("TERMINATED_WITH_ERRORS", reason)
    outcome, _ = ended(event, SETTINGS, Emr(steps), S3({}))
    expected = "cluster j-1 TERMINATED_WITH_ERRORS: bootstrap action 1 returned 1; logs s3://logs/emr/j-1/"
    assert (outcome.succeeded, outcome.text) == (False, expected)


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED"])
def test_a_cluster_that_ends_after_its_run_is_no_news(state) -> None:
    """That is how it should end; the step's own event has told of a failure, which counts once."""
    emr = Emr([("fruit-features-dev-later", "CANCELLED"), ("fruit-features-dev-run-1", state)])
    assert ended(cluster_event("TERMINATED", "{}"), SETTINGS, emr, S3({})) == (None, None)


def test_a_step_that_failed_is_no_news_when_its_cluster_ends() -> None:
    """Its own event told of it; a second count would be a second alarm. It may be on a later page."""
    emr = Emr([("fruit-features-dev-later", "COMPLETED"), ("fruit-features-dev-run-1", "FAILED")])
    assert ended(cluster_event("TERMINATED", "{}"), SETTINGS, emr, S3({})) == (None, None)


def test_a_run_that_a_person_cancelled_is_not_counted_again_and_the_deploy_hears_of_it() -> None:
    """EMR documents an event of a cancellation, and none of a step that ends with its cluster."""
    emr = Emr([("fruit-features-dev-run-1", "CANCELLED")])
    outcome, _ = ended(cluster_event("TERMINATED", "{}"), SETTINGS, emr, S3({}))
    assert (outcome.succeeded, outcome.counted) == (False, True)
    outcome, _ = ended(cluster_event("TERMINATED_WITH_ERRORS", "{}"), SETTINGS, emr, S3({}))
    assert (outcome.succeeded, outcome.counted) == (False, False)


@pytest.mark.parametrize("steps", [[], [("fruit-features-dev-spring-1", "CANCELLED")]])
def test_a_cluster_that_was_started_for_a_run_and_fails_is_that_run_s_failure(steps) -> None:
    """It has the run's name; the deploy's own run has nothing to do with it."""
    event = cluster_event("TERMINATED_WITH_ERRORS", "no capacity", "fruit-features-dev-spring-1")
    outcome, _ = ended(event, SETTINGS, Emr(steps), S3({}))
    assert (outcome.step, outcome.succeeded) == ("fruit-features-dev-spring-1", False)
    assert "no capacity" in outcome.text


def test_figures_of_stages_that_did_not_run_are_left_out() -> None:
    """`null` is not 0."""
    names = {datum["MetricName"] for datum in figure_data("dev", EMPTY)}
    assert names == {"ImagesUsable", "ImagesRejected", "RunSeconds"}
    values = {datum["MetricName"]: datum["Value"] for datum in figure_data("dev", METRICS)}
    assert values["RejectedShare"] == 0.1
    assert values["ExplainedVarianceRatio"] == 0.81


@pytest.mark.parametrize("metrics", [[], {"images": 3}])
def test_a_file_of_another_shape_has_no_figures(metrics) -> None:
    """The deploy that waits hears of the run's end all the same."""
    assert figure_data("dev", metrics) == []
    assert summary(metrics, "s3://results/").startswith("no images yet")


@pytest.fixture
def cloudformation():
    """Something that takes signals, and refuses those to `/expired`: (url, received)."""
    received: list[dict] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append({"body": json.loads(body), "type": self.headers["Content-Type"]})
            self.send_response({"/expired": 403, "/broken": 500}.get(self.path, 200))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/signal", received
    server.shutdown()
    server.server_close()


def test_a_signal_is_as_cloudformation_takes_it(cloudformation) -> None:
    """Status, reason, unique id; short enough; no content type, which the URL was signed without."""
    url, received = cloudformation
    signal(url, Outcome("the-step", False, "x" * 9000))
    (one,) = received
    assert one["body"]["Status"] == "FAILURE"
    assert one["body"]["UniqueId"] == "the-step"
    assert len(json.dumps(one["body"])) < 4096
    assert one["type"] == ""


def handled(monkeypatch, url: str, event: dict) -> list[dict]:
    """Run the function as Lambda does; the metrics that CloudWatch then has."""
    for name, value in {**SETTINGS.__dict__, "handle_url": url}.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="results")
        s3.put_object(Bucket="results", Key="runs/run-1/metrics.json", Body=json.dumps(METRICS))
        s3.put_object(Bucket="results", Key="runs/other/metrics.json", Body=json.dumps(METRICS))
        handler.handle(event, None)
        metrics: list[Any] = boto3.client("cloudwatch").list_metrics(Namespace="FruitFeatures")["Metrics"]
        return metrics


def test_the_whole_function_publishes_and_signals(monkeypatch, cloudformation) -> None:
    """One event in, metrics and one signal out."""
    url, received = cloudformation
    metrics = handled(monkeypatch, url, step_event("COMPLETED"))
    assert {"RunsCompleted", "RunsFailed", "ImagesUsable", "RejectedShare"} <= {
        m["MetricName"] for m in metrics
    }
    assert [one["body"]["Status"] for one in received] == ["SUCCESS"]


def test_a_signal_that_comes_a_day_late_is_no_failure(monkeypatch, cloudformation) -> None:
    """The address has expired: Lambda must not try again, and the figures are published once."""
    url, received = cloudformation
    late = url.replace("/signal", "/expired")
    assert handled(monkeypatch, late, step_event("COMPLETED"))
    assert len(received) == 1


def test_a_signal_that_does_not_arrive_is_repeated_before_anything_is_counted(
    monkeypatch, cloudformation
) -> None:
    """The function fails, Lambda calls it again, and only the call whose signal arrives publishes."""
    url, _ = cloudformation
    published = []
    monkeypatch.setattr(handler, "outcome_data", lambda *_: published.append(1))
    with pytest.raises(urllib.error.HTTPError):
        handled(monkeypatch, url.replace("/signal", "/broken"), step_event("COMPLETED"))
    assert published == []


def test_the_end_of_another_run_is_published_and_not_signalled(monkeypatch, cloudformation) -> None:
    """The deploy waits for its own run alone."""
    url, received = cloudformation
    assert handled(monkeypatch, url, step_event("COMPLETED", "fruit-features-dev-other"))
    assert received == []
