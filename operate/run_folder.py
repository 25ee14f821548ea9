"""The folder of a run in the results bucket: what is there, and whether the run is complete."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from infra.access.prefixes import RUNS
from operate.objects import list_folders, read_json

MANIFEST = "manifest.json"
METRICS = "metrics.json"
PARAMETERS = "run.json"
AT_ONCE = 32


@dataclass(frozen=True)
class RunSummary:
    """One run; what is not known (yet) is None. Durations in seconds, costs in USD."""

    run: str
    created: datetime | None
    complete: bool
    images: int | None
    rejected: int | None
    components: int | None
    explained_variance_ratio: float | None
    accuracy: float | None
    model: str | None
    seconds: float | None

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        state = "complete" if self.complete else "unfinished"
        return {**asdict(self), "state": state}


def run_prefix(run_id: str) -> str:
    """Where a run lies in the results bucket."""
    return f"{RUNS}/{run_id}/"


def list_runs(s3: Any, bucket: str) -> list[RunSummary]:
    """Every run, the latest first, unfinished ones before all."""
    names = list_folders(s3, bucket, f"{RUNS}/")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda name: read_run(s3, bucket, name), names))
    return sorted(found, key=_latest_first)


def read_run(s3: Any, bucket: str, run_id: str) -> RunSummary:
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
        complete=manifest is not None,
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
    return run.complete, -run.created.timestamp() if run.created else 0, run.run


def closest(run_id: str, known: Sequence[str]) -> str:
    """Some names, for a message: those that begin alike, else the first."""
    alike = [name for name in known if name.startswith(run_id[:3])]
    return ", ".join((alike or list(known))[:5]) or "there are none yet"
