"""The folder of a run in the results bucket: what is there, and whether the run is complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from infra.contract.prefixes import RUNS
from operate.runs.run_history import RunTrace
from operate.s3.objects import list_folders, read_json
from spark_job.contract.run_layout import MANIFEST, METRICS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AT_ONCE = 32
COMPLETE = "complete"
UNFINISHED = "unfinished"


@dataclass(frozen=True)
class RunSummary:
    """One run; what is not known (yet) is None. Durations in seconds, costs in USD.

    `state` is complete once the manifest is there; before, what EMR says of the run's latest step (pending,
    running, failed, cancelled), or unfinished.
    """

    run: str
    created: datetime | None
    state: str
    images: int | None
    rejected: int | None
    components: int | None
    explained_variance_ratio: float | None
    accuracy: float | None
    model: str | None
    seconds: float | None
    cost_usd: float | None = None


def run_prefix(run_id: str) -> str:
    """Where a run lies in the results bucket."""
    return f"{RUNS}/{run_id}/"


def list_runs(s3: S3Client, bucket: str, history: Mapping[str, RunTrace]) -> list[RunSummary]:
    """Every run that has a folder or that EMR knows: those that are not complete, then the latest first."""
    names = {*list_folders(s3, bucket, f"{RUNS}/"), *history}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda name: read_run(s3, bucket, name), names)
    return sorted((traced(run, history.get(run.run)) for run in found), key=_latest_first)


def traced(run: RunSummary, trace: RunTrace | None) -> RunSummary:
    """The run with what EMR knows of it."""
    if trace is None:
        return run
    state = run.state
    if state != COMPLETE and trace.state != "COMPLETED":
        state = trace.state.lower()
    return replace(run, state=state, created=run.created or trace.submitted, cost_usd=trace.cost_usd)


def read_run(s3: S3Client, bucket: str, run_id: str) -> RunSummary:
    """One run, from its manifest and metrics."""
    prefix = run_prefix(run_id)
    manifest = read_json(s3, bucket, prefix + MANIFEST)
    metrics = read_json(s3, bucket, prefix + METRICS) if manifest else None
    return summary(run_id, manifest, metrics)


def summary(run_id: str, manifest: dict[str, Any] | None, metrics: dict[str, Any] | None) -> RunSummary:
    """What the two files say of a run.

    Args:
        manifest: None: the run is not complete.
    """
    created = _at(manifest, "created")
    return RunSummary(
        run=run_id,
        created=datetime.fromisoformat(created) if created else None,
        state=COMPLETE if manifest else UNFINISHED,
        images=_at(metrics, "images", "usable"),
        rejected=_at(metrics, "images", "rejected"),
        components=_at(metrics, "reduction", "components"),
        explained_variance_ratio=_at(metrics, "reduction", "explained_variance_ratio"),
        accuracy=_at(metrics, "classifier", "accuracy"),
        model=_at(manifest, "extractor", "specification", "model"),
        seconds=_at(metrics, "seconds", "total"),
    )


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _latest_first(run: RunSummary) -> tuple[bool, float, str]:
    return run.state == COMPLETE, -run.created.timestamp() if run.created else 0, run.run


def closest(run_id: str, known: Sequence[str]) -> str:
    """Some names, for a message: those that begin alike, else the first."""
    alike = [name for name in known if name.startswith(run_id[:3])]
    return ", ".join((alike or list(known))[:5]) or "there are none yet"
