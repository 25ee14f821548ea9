"""The folder of a run in the results bucket: what is there, and whether the run is complete."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

from infra.contract.aws_clients import S3Client
from infra.contract.names import RUNS
from infra.costs.own_rates import FEWEST_IMAGES, OwnRate
from operate.connection import Connection
from operate.errors import DENIED, none_if_refused
from operate.runs.run_history import RunTrace
from operate.s3.objects import list_folders, read_json
from spark_job.contract.manifest import Manifest, RunFigures, with_accuracies
from spark_job.contract.run_layout import MANIFEST, METRICS

AT_ONCE = 32
COMPLETE = "complete"
UNFINISHED = "unfinished"


@dataclass(frozen=True, kw_only=True)
class RunSummary(RunFigures):
    """One run; what is not known (yet) is None.

    Attributes:
        state: complete once the manifest is there; before, what EMR says of the run's latest step (pending,
            running, failed, cancelled), or unfinished.
    """

    run: str
    state: str = UNFINISHED


def run_prefix(run_id: str) -> str:
    """Return the prefix of a run's objects in the results bucket."""
    return f"{RUNS}/{run_id}/"


def list_runs(s3: S3Client, bucket: str, history: Mapping[str, RunTrace]) -> list[RunSummary]:
    """Return every run with a folder or a step: those that are not complete first, then the latest first."""
    names = {*list_folders(s3, bucket, f"{RUNS}/"), *history}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        summaries = pool.map(lambda name: read_run(s3, bucket, name), names)
        runs = with_accuracies({run.run: run for run in summaries})
    return sorted((traced(run, history.get(run.run)) for run in runs.values()), key=_latest_first)


def traced(run: RunSummary, trace: RunTrace | None) -> RunSummary:
    """Return the run with what EMR knows of it."""
    if trace is None:
        return run
    state = run.state
    if state != COMPLETE and trace.state != "COMPLETED":
        state = trace.state.lower()
    cost = run.cost_usd if trace.cost_usd is None else trace.cost_usd
    return replace(run, state=state, created=run.created or trace.submitted, cost_usd=cost)


def read_run(s3: S3Client, bucket: str, run_id: str) -> RunSummary:
    """Return one run, from its manifest and metrics."""
    content = _read(s3, bucket, run_prefix(run_id) + MANIFEST)
    try:
        manifest = Manifest.from_json({"run_id": run_id, "created": "", **content})
    except ValueError:  # something else is called manifest.json
        content = {}
    if not content:
        return RunSummary(run=run_id)
    figures = RunFigures.of(manifest, _read(s3, bucket, run_prefix(run_id) + METRICS))
    return RunSummary(run=run_id, state=COMPLETE, **asdict(figures))


def _read(s3: S3Client, bucket: str, key: str) -> dict[str, Any]:
    """Return a JSON object; empty: there is none, or the file holds something else."""
    try:
        content = read_json(s3, bucket, key)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _latest_first(run: RunSummary) -> tuple[bool, float, str]:
    return run.state == COMPLETE, -run.created.timestamp() if run.created else 0, run.run


def closest(run_id: str, known: Sequence[str]) -> str:
    """Return some names for a message: those that begin alike, else the first."""
    alike = [name for name in known if name.startswith(run_id[:3])]
    return ", ".join((alike or list(known))[:5]) or "there are none yet"


def own_rates(connection: Connection) -> list[OwnRate]:
    """Return the rate of each finished run that computed enough images on machines which are known.

    A run whose files may not be read, as those of an earlier key, has none.
    """
    s3, bucket = connection.client("s3"), connection.deployment.results_bucket
    names = list_folders(s3, bucket, f"{RUNS}/")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = pool.map(lambda name: none_if_refused(DENIED, lambda: read_run(s3, bucket, name)), names)
        return [rate for run in runs if run and (rate := _rate(run))]


def _rate(run: RunSummary) -> OwnRate | None:
    families = tuple(sorted({name.partition(".")[0] for name in run.instance_types}))
    rate, enough = run.images_per_second_per_core, (run.images_computed or 0) >= FEWEST_IMAGES
    if not (families and run.created and run.model and run.megapixels and rate and enough):
        return None
    return OwnRate(run.run, run.created, run.model, families, run.megapixels, rate)
