"""The runs of a stage: what EMR knows of each, with its cluster and cost, and what its folder holds."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from infra.contract import outputs
from infra.contract.aws_clients import S3Client
from infra.contract.prefixes import RUNS
from infra.costs.cost import FEWEST_IMAGES, OwnRate
from infra.run.functions.cost_limit.handler import paid_until
from operate.connection import Connection
from operate.emr.clusters import Cluster, Node, describe_cluster, find_cluster, list_clusters, list_nodes
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


def stage_clusters(connection: Connection, days: float | None = None) -> list[Cluster]:
    """Return the stage's clusters, latest first; to those who may not list them, that of the last deploy."""
    emr, deployment = connection.client("emr"), connection.deployment
    listed = none_if_refused(DENIED, lambda: list_clusters(emr, deployment.name_prefix, days))
    if listed is not None:
        return listed
    cluster = find_cluster(emr, deployment.outputs.get(outputs.CLUSTER_ID, ""))
    return [cluster] if cluster else []


def meant_clusters(connection: Connection, cluster_id: str | None) -> list[Cluster]:
    """Return the named cluster, else those that are up, else the latest; none: EMR remembers none."""
    emr = connection.client("emr")
    if cluster_id:
        return [describe_cluster(emr, cluster_id)]
    clusters = stage_clusters(connection)
    meant = [cluster for cluster in clusters if cluster.live] or clusters[:1]
    # A list of clusters has only a part of what EMR knows of each.
    return [describe_cluster(emr, cluster.id) for cluster in meant]


def find_run(connection: Connection, run: str | None, cluster_id: str | None = None) -> tuple[Cluster, Step]:
    """Return the step of a run (`s-…` or run id; None: the latest), and its cluster. Raises OperateError."""
    emr, prefix = connection.client("emr"), connection.deployment.name_prefix
    clusters = meant_clusters(connection, cluster_id) if cluster_id or not run else stage_clusters(connection)
    if run is None:
        steps = [(cluster, step) for cluster in clusters for step in list_steps(emr, cluster.id)]
        if not steps:
            raise OperateError("there are no steps yet: `submit` starts a run")
        return max(steps, key=lambda pair: _age_key(pair[1]))
    # A cluster that was started for a run has its name; one that is up may have taken up what another left.
    for cluster in sorted(clusters, key=lambda cluster: (not cluster.live, cluster.name != prefix + run)):
        for step in list_steps(emr, cluster.id):
            if run in (step.id, step.name, step.name.removeprefix(prefix)):
                return cluster, step
    latest = [step.name for cluster in clusters[:MOST_NAMES] for step in list_steps(emr, cluster.id)]
    names = dict.fromkeys(name.removeprefix(prefix) for name in latest[:MOST_NAMES])
    raise OperateError(
        f"no step {run} on a cluster that EMR remembers; the latest runs: "
        f"{', '.join(names) or 'none'}; `runs` lists all that have results"
    )


def _age_key(step: Step) -> float:
    """Return what is largest for the latest step."""
    return step.created.timestamp() if step.created else 0.0


@dataclass(frozen=True)
class RunTrace:
    """State of a run's latest step as EMR calls it; USD of all its steps, None where that is not known."""

    state: str
    submitted: datetime | None
    cost_usd: float | None


def run_history(connection: Connection, *, at_spot_prices: bool = False) -> dict[str, RunTrace]:
    """Return what EMR still knows of each run, by run id.

    A run costs what all nodes cost in its share of its clusters' lives: on demand, or with `at_spot_prices`
    what EC2 took for Spot nodes, where EC2 tells.
    """
    now, emr, deployment = datetime.now(UTC), connection.client("emr"), connection.deployment

    def steps_and_nodes(cluster_id: str) -> tuple[list[Step], list[Node]]:
        told = none_if_refused(UNKNOWN, lambda: (list_steps(emr, cluster_id), list_nodes(emr, cluster_id)))
        return told or ([], [])

    with ThreadPoolExecutor(CLUSTERS_AT_ONCE) as pool:
        cluster_ids = [cluster.id for cluster in stage_clusters(connection)]
        clusters = list(pool.map(steps_and_nodes, cluster_ids))
    attempts: dict[str, list[tuple[Step, float | None]]] = {}
    for cluster_id, (steps, nodes) in zip(cluster_ids, clusters, strict=True):
        spot = spot_of(connection, cluster_id, nodes, now) if at_spot_prices else {}
        for step in steps:
            if step.name.startswith(deployment.name_prefix):
                cost = total(account(nodes_of_run(step, steps, nodes, now), deployment.region, now, spot))
                attempts.setdefault(step.name.removeprefix(deployment.name_prefix), []).append((step, cost))
    history = {}
    for run_id, tried in attempts.items():
        latest = max((step for step, _ in tried), key=_age_key)
        costs = [cost for _, cost in tried if cost is not None]
        cost = sum(costs) if len(costs) == len(tried) else None
        history[run_id] = RunTrace(latest.state, latest.created, cost)
    return history


def spot_of(connection: Connection, cluster_id: str, nodes: list[Node], now: datetime) -> dict[str, float]:
    """Return what EC2 took for an hour of the cluster's Spot nodes, by type, where it tells."""
    if not any(node.market == SPOT for node in nodes):
        return {}
    cluster = find_cluster(connection.client("emr"), cluster_id)
    return spot_prices(connection.client("ec2"), nodes, cluster.zone, now) if cluster and cluster.zone else {}


def nodes_of_run(step: Step, steps: Iterable[Step], nodes: Iterable[Node], now: datetime) -> list[Node]:
    """Return the nodes of a cluster, each with the part of its life that the run of a step pays for.

    It begins when the step before has ended, or with the node: so the first run pays for the start of its
    cluster. It ends with the step, that of the last one with the node: so the last run pays for the idle end.
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


@dataclass(frozen=True, kw_only=True)
class RunSummary(RunFigures):
    """One run; what is not known (yet) is None."""

    run: str
    # Complete once the manifest is there; before, what EMR says of the latest step, as pending or failed.
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
    for name, trace in history.items():
        run = runs[name]
        known = run.state == COMPLETE or trace.state == "COMPLETED"
        runs[name] = replace(
            run,
            state=run.state if known else trace.state.lower(),
            created=run.created or trace.submitted,
            cost_usd=run.cost_usd if trace.cost_usd is None else trace.cost_usd,
        )

    def complete_last(run: RunSummary) -> tuple[bool, float, str]:
        return run.state == COMPLETE, -run.created.timestamp() if run.created else 0, run.run

    return sorted(runs.values(), key=complete_last)


def read_run(s3: S3Client, bucket: str, run_id: str) -> RunSummary:
    """Return one run, from its manifest and metrics."""

    def read(name: str) -> dict[str, Any]:
        try:
            content = read_json(s3, bucket, run_prefix(run_id) + name)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    content = read(MANIFEST)
    try:
        manifest = Manifest.from_json({"run_id": run_id, "created": "", **content})
    except ValueError:  # something else is called manifest.json
        content = {}
    if not content:
        return RunSummary(run=run_id)
    return RunSummary(run=run_id, state=COMPLETE, **asdict(RunFigures.of(manifest, read(METRICS))))


def own_rates(connection: Connection) -> list[OwnRate]:
    """Return the rate of each finished run that can be read and computed enough images on known machines."""
    s3, bucket = connection.client("s3"), connection.deployment.results_bucket
    names, rates = list_folders(s3, bucket, f"{RUNS}/"), []
    with ThreadPoolExecutor(FOLDERS_AT_ONCE) as pool:
        runs = pool.map(lambda name: none_if_refused(DENIED, lambda: read_run(s3, bucket, name)), names)
        for run in filter(None, runs):
            families = tuple(sorted({name.partition(".")[0] for name in run.instance_types}))
            rate, enough = run.images_per_second_per_core, (run.images_computed or 0) >= FEWEST_IMAGES
            if families and run.created and run.model and run.megapixels and rate and enough:
                rates.append(OwnRate(run.run, run.created, run.model, families, run.megapixels, rate))
    return rates
