"""The clusters of a stage, and what EMR knows of runs: which cluster has one, how it stands, its cost."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from infra.contract import outputs
from infra.contract.aws_clients import EMRClient
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

MOST_NAMES = 5
AT_ONCE = 4  # EMR answers few calls a second


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
    with ThreadPoolExecutor(AT_ONCE) as pool:
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
