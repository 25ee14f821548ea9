"""EMR tells of a run's end: the figures of its `metrics.json` go to CloudWatch, the outcome to the deploy."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import StandardUnitType
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client

NAMESPACE = "FruitFeatures"
STAGE_DIMENSION = "Stage"
RUNS_COMPLETED, RUNS_FAILED = "RunsCompleted", "RunsFailed"
REJECTED_SHARE = "RejectedShare"
# Metric: where it stands in metrics.json (part and name), and CloudWatch's unit.
FIGURES: Mapping[str, tuple[tuple[str, str], StandardUnitType]] = {
    "ImagesUsable": (("images", "usable"), "Count"),
    "ImagesRejected": (("images", "rejected"), "Count"),
    "ImagesPerSecond": (("features", "images_per_second"), "Count/Second"),
    "CpuUtilization": (("features", "cpu_utilization"), "None"),
    "Components": (("reduction", "components"), "Count"),
    "ExplainedVarianceRatio": (("reduction", "explained_variance_ratio"), "None"),
    "RunSeconds": (("seconds", "total"), "Seconds"),
}
STEP_EVENT = "EMR Step Status Change"
COMPLETED, FAILED, CANCELLED = "COMPLETED", "FAILED", "CANCELLED"
# CloudFormation takes 4,096 bytes in all.
MOST_CHARACTERS = 900
SIGNAL_TIMEOUT_SECONDS = 20
SERVER_ERROR = 500


def outcome_data(stage: str, succeeded: bool) -> list[MetricDatumTypeDef]:
    """Count one run that completed or failed; the other count is 0, so that an alarm sees its end."""
    counts = {RUNS_COMPLETED: float(succeeded), RUNS_FAILED: float(not succeeded)}
    return [_datum(name, count, "Count", stage) for name, count in counts.items()]


def figure_data(stage: str, metrics: Mapping[str, Any]) -> list[MetricDatumTypeDef]:
    """Return the figures as CloudWatch takes them; those of stages that did not run (`null`) are left out."""
    data = []
    for name, (place, unit) in FIGURES.items():
        value = _at(metrics, *place)
        if value is not None:
            data.append(_datum(name, float(value), unit, stage))
    share = rejected_share(metrics)
    return data if share is None else [*data, _datum(REJECTED_SHARE, share, "None", stage)]


def rejected_share(metrics: Mapping[str, Any]) -> float | None:
    """Return the share of rejected images among those that were tried, 0 to 1; None where there were none."""
    rejected, usable = _at(metrics, "images", "rejected"), _at(metrics, "images", "usable")
    tried = (rejected or 0) + (usable or 0)
    return rejected / tried if tried and rejected is not None else None


def summary(metrics: Mapping[str, Any] | None, results: str) -> str:
    """Say in one sentence, to whoever deployed, what the result is or what to do first."""
    if metrics is None:
        return f"complete; results {results}"
    usable, rejected = _at(metrics, "images", "usable") or 0, _at(metrics, "images", "rejected") or 0
    if not usable + rejected:
        return "no images yet: upload photographs to the image buckets, then submit a run"
    return f"{usable:,} images usable, {rejected:,} rejected; results {results}"


def _at(metrics: Mapping[str, Any], part: str, name: str) -> Any:
    figures = metrics.get(part) if isinstance(metrics, Mapping) else None
    return figures.get(name) if isinstance(figures, Mapping) else None


def _datum(name: str, value: float, unit: StandardUnitType, stage: str) -> MetricDatumTypeDef:
    dimensions: Any = [{"Name": STAGE_DIMENSION, "Value": stage}]
    return {"MetricName": name, "Value": value, "Unit": unit, "Dimensions": dimensions}


@dataclass(frozen=True)
class Settings:
    """What the stack says about the run that it waits for, each in the environment variable of its name."""

    stage: str
    step_prefix: str
    awaited_step: str
    results_bucket: str
    runs_prefix: str
    logs_uri: str
    handle_url: str

    def key(self, step: str, name: str = "metrics.json") -> str:
        """Return the key of a file of that step's run; default: its figures."""
        return f"{self.runs_prefix}/{step.removeprefix(self.step_prefix)}/{name}"


@dataclass(frozen=True)
class Outcome:
    """How a run ended; `text` is the reason of a failure, else a summary."""

    step: str
    succeeded: bool
    text: str
    counted: bool = False  # an event before this one told of the same end


def handle(event: dict[str, Any], context: Any) -> None:
    """Signal, then publish: Lambda repeats a signal that does not arrive, and nothing may count twice."""
    settings = Settings(**{name: os.environ[name.upper()] for name in Settings.__dataclass_fields__})
    s3 = boto3.client("s3")
    outcome, metrics = ended(event, settings, boto3.client("emr"), s3)
    if outcome is None:
        return
    if not outcome.succeeded:
        outcome = replace(outcome, text=cost_limit(outcome.step, settings, s3) + outcome.text)
    print(json.dumps({"step": outcome.step, "succeeded": outcome.succeeded, "text": outcome.text}))
    if outcome.step == settings.awaited_step:
        signal(settings.handle_url, outcome)
    if outcome.counted:
        return
    data = outcome_data(settings.stage, outcome.succeeded) + figure_data(settings.stage, metrics or {})
    try:
        boto3.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data)
    except Exception as error:  # the run has ended all the same
        print(f"figures not published: {error}")


def ended(
    event: dict[str, Any], settings: Settings, emr: EMRClient, s3: S3Client
) -> tuple[Outcome | None, dict[str, Any] | None]:
    """Return outcome and figures of the run that the event reports; no outcome: the event ends no run."""
    detail = event["detail"]
    if event["detail-type"] != STEP_EVENT:
        return _cluster_ended(detail, settings, emr), None
    if detail["state"] != COMPLETED:
        return Outcome(detail["name"], False, _step_failure(detail, settings, emr)), None
    key = settings.key(detail["name"])
    try:
        metrics = json.load(s3.get_object(Bucket=settings.results_bucket, Key=key)["Body"])
    except Exception as error:  # the run is complete all the same
        print(f"figures not read from {key}: {error}")
        metrics = None
    results = f"s3://{settings.results_bucket}/{key.rpartition('/')[0]}/"
    return Outcome(detail["name"], True, summary(metrics, results)), metrics


def cost_limit(step: str, settings: Settings, s3: S3Client) -> str:
    """Return words for a run that was stopped at its cost limit; empty: it was not."""
    key = settings.key(step, "cost.json")
    try:
        told = json.load(s3.get_object(Bucket=settings.results_bucket, Key=key)["Body"])
    except Exception as error:  # the run has failed all the same
        print(f"no cost of {step}: {error}")
        return ""
    if not told["stop"]:
        return ""
    return f"the cost limit was reached, {told['cost_usd']:.2f} of {told['max_cost_usd']:.2f} USD; "


def signal(url: str, outcome: Outcome) -> None:
    """Tell CloudFormation; a second time with the same id changes nothing.

    The address is signed for a day. A refusal is no error: nobody waits any more, and another try would be
    refused as well.
    """
    status, text = "SUCCESS" if outcome.succeeded else "FAILURE", outcome.text[:MOST_CHARACTERS]
    message = {"Status": status, "Reason": text, "UniqueId": outcome.step, "Data": text}
    request = urllib.request.Request(url, data=json.dumps(message).encode(), method="PUT")  # noqa: S310 (CloudFormation's)
    request.add_header("Content-Type", "")  # the presigned URL was signed without one
    try:
        urllib.request.urlopen(request, timeout=SIGNAL_TIMEOUT_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code >= SERVER_ERROR:
            raise
        print(f"signal refused: {error}")


def _cluster_ended(detail: dict[str, Any], settings: Settings, emr: EMRClient) -> Outcome | None:
    """Report a cluster that ended before the run for which it was started, in the bootstrap or by hand.

    That is the run of its first step. A step that completed or failed had an event of its own. One that was
    cancelled had it if a person cancelled it; none is documented where the cluster's end cancelled it.
    """
    pages = emr.get_paginator("list_steps").paginate(ClusterId=detail["clusterId"])
    steps = [step for page in pages for step in page["Steps"]]
    name, awaited = detail["name"], settings.awaited_step
    run, state = awaited if name.startswith(awaited) else name, ""
    if steps:
        run, state = steps[-1]["Name"], steps[-1]["Status"]["State"]
    if state in (COMPLETED, FAILED):
        return None
    reason = detail.get("stateChangeReason", "")
    try:  # it is JSON in a string
        reason = json.loads(reason).get("message") or reason
    except (AttributeError, TypeError, ValueError):
        reason = reason or detail.get("message", "")
    logs = f"{settings.logs_uri}/{detail['clusterId']}/"
    text = f"cluster {detail['clusterId']} {detail['state']}: {reason}; logs {logs}"
    return Outcome(run, False, text, state == CANCELLED and detail["state"] == "TERMINATED")


def _step_failure(detail: dict[str, Any], settings: Settings, emr: EMRClient) -> str:
    try:
        step = emr.describe_step(ClusterId=detail["clusterId"], StepId=detail["stepId"])["Step"]
        details = step["Status"].get("FailureDetails", {})
    except Exception as error:  # the event itself says that it failed
        details = {"Message": f"no details ({error})"}
    reasons = [details[name] for name in ("Reason", "Message") if details.get(name)]
    reasons = reasons or [detail.get("message", "")]
    logs = f"{settings.logs_uri}/{detail['clusterId']}/steps/{detail['stepId']}/"
    return f"step {detail['stepId']} {detail['state']}: {'; '.join(reasons)}; logs {logs}"
