"""Folders of finished runs in the results bucket, as far as commands read them."""

import json
from collections.abc import Mapping
from typing import Any

import boto3

from tests.aws.conftest import REGION

METRICS: dict[str, Any] = {
    "images": {"listed": 12, "usable": 10, "rejected": 1, "skipped": 1},
    "reduction": {"components": 3, "explained_variance_ratio": 0.8125, "standardized": True},
    "seconds": {"total": 90.0},
}


def store_run(run: str, created: str | None, metrics=METRICS) -> None:
    """A run's folder; without a date, an unfinished one."""
    files = {"run.json": {}, "report/index.html": {}}
    if created:
        specification = {"model": "mobilenet_v2"}
        extractor = {"specification": specification}
        files |= {"metrics.json": metrics, "manifest.json": {"created": created, "extractor": extractor}}
    s3 = boto3.client("s3", REGION)
    for name, value in files.items():
        s3.put_object(Bucket="fruit-results", Key=f"runs/{run}/{name}", Body=json.dumps(value))


def store_run_with_rate(
    run: str, types: list[str], features: Mapping[str, float | None], images: int = 50_000
) -> None:
    """A run of February 2026 on machines of these types, which computed so many images."""
    metrics = {**METRICS, "images": {**METRICS["images"], "new": images}, "features": features}
    store_run(run, "2026-02-01T10:00:00+00:00", metrics)
    extractor = {"specification": {"model": "mobilenet_v2"}}
    manifest = {"created": "2026-02-01T10:00:00+00:00", "extractor": extractor, "instance_types": types}
    key = f"runs/{run}/manifest.json"
    boto3.client("s3", REGION).put_object(Bucket="fruit-results", Key=key, Body=json.dumps(manifest))
