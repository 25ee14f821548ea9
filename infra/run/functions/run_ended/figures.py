"""The figures of a run's `metrics.json` as CloudWatch metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import StandardUnitType
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

NAMESPACE = "FruitFeatures"
STAGE_DIMENSION = "Stage"
RUNS_COMPLETED, RUNS_FAILED = "RunsCompleted", "RunsFailed"
REJECTED_SHARE = "RejectedShare"
# Metric: where it stands in metrics.json, and CloudWatch's unit.
FIGURES: Mapping[str, tuple[tuple[str, str], StandardUnitType]] = {
    "ImagesUsable": (("images", "usable"), "Count"),
    "ImagesRejected": (("images", "rejected"), "Count"),
    "ImagesPerSecond": (("features", "images_per_second"), "Count/Second"),
    "CpuUtilization": (("features", "cpu_utilization"), "None"),
    "Components": (("reduction", "components"), "Count"),
    "ExplainedVarianceRatio": (("reduction", "explained_variance_ratio"), "None"),
    "RunSeconds": (("seconds", "total"), "Seconds"),
}


def outcome_data(stage: str, succeeded: bool) -> list[MetricDatumTypeDef]:
    """Count one run that completed or failed; the other count is 0, so that an alarm sees its end."""
    return [
        _datum(RUNS_COMPLETED, float(succeeded), "Count", stage),
        _datum(RUNS_FAILED, float(not succeeded), "Count", stage),
    ]


def figure_data(stage: str, metrics: Mapping[str, Any]) -> list[MetricDatumTypeDef]:
    """Return the figures as CloudWatch takes them; those of stages that did not run (`null`) are left out."""
    data = []
    for name, (path, unit) in FIGURES.items():
        value = _at(metrics, path)
        if value is not None:
            data.append(_datum(name, float(value), unit, stage))
    share = rejected_share(metrics)
    return data if share is None else [*data, _datum(REJECTED_SHARE, share, "None", stage)]


def rejected_share(metrics: Mapping[str, Any]) -> float | None:
    """Return the share of rejected images among those that were tried, 0 to 1; None where there were none."""
    rejected, usable = _at(metrics, ("images", "rejected")), _at(metrics, ("images", "usable"))
    tried = (rejected or 0) + (usable or 0)
    return rejected / tried if tried and rejected is not None else None


def summary(metrics: Mapping[str, Any] | None, results: str) -> str:
    """Say in one sentence, to whoever deployed, what the result is or what to do first."""
    if metrics is None:
        return f"complete; results {results}"
    usable, rejected = _at(metrics, ("images", "usable")) or 0, _at(metrics, ("images", "rejected")) or 0
    if not usable + rejected:
        return "no images yet: upload photographs to the image buckets, then submit a run"
    return f"{usable:,} images usable, {rejected:,} rejected; results {results}"


def _at(metrics: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = metrics
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _datum(name: str, value: float, unit: StandardUnitType, stage: str) -> MetricDatumTypeDef:
    return {
        "MetricName": name,
        "Value": value,
        "Unit": unit,
        "Dimensions": [{"Name": STAGE_DIMENSION, "Value": stage}],
    }
