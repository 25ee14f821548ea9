"""What EMR knows of runs: how the latest step of each stands, and what its steps have cost."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from infra.contract.aws_clients import EMRClient
from infra.run.functions.cost_limit.handler import paid_until
from operate.connection import Connection
from operate.emr.clusters import find_cluster
from operate.emr.node_costs import SPOT, account, spot_prices, total
from operate.emr.nodes import Node, list_nodes
from operate.emr.steps import Step, list_steps
from operate.errors import UNKNOWN, unless
from operate.runs.run_clusters import stage_clusters

AT_ONCE = 4  # EMR answers few calls a second


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
    return unless(UNKNOWN, lambda: (list_steps(emr, cluster_id), list_nodes(emr, cluster_id))) or ([], [])
