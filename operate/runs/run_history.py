"""The runs of a stage: what EMR knows of each, with its cluster and cost, and what its folder holds."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from infra.contract import outputs
from infra.contract.aws_clients import EMRClient, S3Client
from infra.contract.prefixes import RUNS
from infra.costs.cost import FEWEST_IMAGES, OwnRate
from infra.run.functions.cost_limit.handler import paid_until
from operate.connection import Connection
from operate.emr.clusters import (
    REMEMBERED_DAYS,
    Cluster,
    Node,
    describe_cluster,
    find_cluster,
    list_clusters,
    list_nodes,
)
from operate.emr.node_costs import SPOT, account, spot_prices, total
from operate.emr.steps import Step, list_steps
from operate.errors import DENIED, UNKNOWN, OperateError, none_if_refused
from operate.s3.objects import list_folders, read_json
from spark_job.contract.manifest import Manifest, RunFigures, with_accuracies
from spark_job.contract.run_layout import MANIFEST, METRICS

FOLDERS_AT_ONCE = 32
COMPLETE = "complete"
UNFINISHED = "unfinished"
MOST_NAMES = 5
CLUSTERS_AT_ONCE = 4  # EMR answers few calls a second


def stage_clusters(connection: Connection, days: float = REMEMBERED_DAYS) -> list[Cluster]:
    """Return the stage's clusters, ended ones too, the latest first.

    Whoever may not list clusters gets that of the last deploy, if EMR still knows it.
    """
    emr, deployment = connection.client("emr"), connection.deployment
    listed = none_if_refused(DENIED, lambda: list_clusters(emr, deployment.name_prefix, days))
    if listed is not None:
        return listed
    cluster = find_cluster(emr, deployment.outputs.get(outputs.CLUSTER_ID, ""))
    return [cluster] if cluster else []


def meant_clusters(connection: Connection, cluster_id: str | None) -> list[Cluster]:
    """Return the clusters that a person means: the named one, else those that are up, else the latest.

    The list is empty where EMR remembers no cluster.
    """
    emr = connection.client("emr")
    if cluster_id:
        return [describe_cluster(emr, cluster_id)]
    clusters = stage_clusters(connection)
    meant = [cluster for cluster in clusters if cluster.live] or clusters[:1]
    # A list of clusters has only a part of what EMR knows of each.
    return [describe_cluster(emr, cluster.id) for cluster in meant]


def find_run(connection: Connection, run: str | None, cluster_id: str | None = None) -> tuple[Cluster, Step]:
    """Return the step of a run, and its cluster.

    Args:
        run: `s-…` or a run id; None: the latest step of the clusters that are meant.
        cluster_id: look at this cluster alone.

    Raises OperateError: there is none.
    """
    prefix = connection.deployment.name_prefix
    clusters = meant_clusters(connection, cluster_id) if cluster_id or not run else stage_clusters(connection)
    if run is None:
        steps = _steps(connection, clusters)
        if not steps:
            raise OperateError("there are no steps yet: `submit` starts a run")
        return max(steps, key=lambda pair: pair[1].created.timestamp() if pair[1].created else 0.0)
    # A cluster that was started for a run has its name; one that is up may have taken up what another left.
    for cluster in sorted(clusters, key=lambda cluster: (not cluster.live, cluster.name != prefix + run)):
        for _, step in _steps(connection, [cluster]):
            if run in (step.id, step.name, step.name.removeprefix(prefix)):
                return cluster, step
    names = [step.name.removeprefix(prefix) for _, step in _steps(connection, clusters[:MOST_NAMES])]
    raise OperateError(
        f"no step {run} on a cluster that EMR remembers; the latest runs: "
        f"{', '.join(dict.fromkeys(names[:MOST_NAMES])) or 'none'}; `runs` lists all that have results"
    )


def _steps(connection: Connection, clusters: Iterable[Cluster]) -> list[tuple[Cluster, Step]]:
    emr = connection.client("emr")
    return [(cluster, step) for cluster in clusters for step in list_steps(emr, cluster.id)]


@dataclass(frozen=True)
class RunTrace:
    """State of a run's latest step as EMR calls it; USD of all its steps, None where that is not known."""

    state: str
    submitted: datetime | None
    cost_usd: float | None


def run_history(connection: Connection, *, at_spot_prices: bool = False) -> dict[str, RunTrace]:
    """Return what EMR still knows of each run, by run id.

    A run costs what all nodes cost in its share of its clusters' lives, on demand.

    Args:
        at_spot_prices: Spot nodes cost what EC2 took for them, where it tells.
    """
    now, emr, deployment = datetime.now(UTC), connection.client("emr"), connection.deployment
    with ThreadPoolExecutor(CLUSTERS_AT_ONCE) as pool:
        cluster_ids = [cluster.id for cluster in stage_clusters(connection)]
        clusters = list(pool.map(lambda cluster_id: _steps_and_nodes(emr, cluster_id), cluster_ids))
    attempts: dict[str, list[tuple[Step, float | None]]] = {}
    for cluster_id, (steps, nodes) in zip(cluster_ids, clusters, strict=True):
        spot = spot_of(connection, cluster_id, nodes, now) if at_spot_prices else {}
        for step in steps:
            if step.name.startswith(deployment.name_prefix):
                cost = total(account(nodes_of_run(step, steps, nodes, now), deployment.region, now, spot))
                attempts.setdefault(step.name.removeprefix(deployment.name_prefix), []).append((step, cost))
    return {run_id: _trace(steps) for run_id, steps in attempts.items()}


def spot_of(
    connection: Connection, cluster_id: str, nodes: Sequence[Node], now: datetime
) -> dict[str, float]:
    """Return what EC2 took for an hour of the cluster's Spot nodes, by type, where it tells."""
    if not any(node.market == SPOT for node in nodes):
        return {}
    cluster = find_cluster(connection.client("emr"), cluster_id)
    return spot_prices(connection.client("ec2"), nodes, cluster.zone, now) if cluster and cluster.zone else {}


def nodes_of_run(step: Step, steps: Iterable[Step], nodes: Iterable[Node], now: datetime) -> list[Node]:
    """Return the nodes of a cluster, each with the part of its life that the run of a step pays for.

    It begins when the step before has ended, or with the node: so the first run pays for the start of its
    cluster. It ends with the step, that of the last one with the node: so the last run pays for the idle end.

    Args:
        steps: all of the cluster.
        now: a node that has not ended lives until then.
    """
    others = [one for one in steps if one.id != step.id]
    if step.started is None and others:
        return []  # it waits, or was cancelled before it began
    own = step.started or now
    begins = [one.ended for one in others if one.ended and one.ended <= own]
    ends = [step.ended] if step.ended and any(one.started and one.started > own for one in others) else []
    lives = []
    for node in nodes:
        if node.created:
            begin = max([node.created, *begins])
            end = min([paid_until(node.created, node.ended or now), *ends])
            if begin < end:
                lives.append(replace(node, paid_from=begin, ended=end))
    return lives


def _trace(attempts: Sequence[tuple[Step, float | None]]) -> RunTrace:
    latest = max(
        (step for step, _ in attempts), key=lambda step: step.created.timestamp() if step.created else 0
    )
    costs = [cost for _, cost in attempts if cost is not None]
    return RunTrace(latest.state, latest.created, sum(costs) if len(costs) == len(attempts) else None)


def _steps_and_nodes(emr: EMRClient, cluster_id: str) -> tuple[list[Step], list[Node]]:
    return none_if_refused(UNKNOWN, lambda: (list_steps(emr, cluster_id), list_nodes(emr, cluster_id))) or (
        [],
        [],
    )


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
    with ThreadPoolExecutor(FOLDERS_AT_ONCE) as pool:
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
    with ThreadPoolExecutor(FOLDERS_AT_ONCE) as pool:
        runs = pool.map(lambda name: none_if_refused(DENIED, lambda: read_run(s3, bucket, name)), names)
        return [rate for run in runs if run and (rate := _rate(run))]


def _rate(run: RunSummary) -> OwnRate | None:
    families = tuple(sorted({name.partition(".")[0] for name in run.instance_types}))
    rate, enough = run.images_per_second_per_core, (run.images_computed or 0) >= FEWEST_IMAGES
    if not (families and run.created and run.model and run.megapixels and rate and enough):
        return None
    return OwnRate(run.run, run.created, run.model, families, run.megapixels, rate)
