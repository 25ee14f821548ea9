"""What EMR knows of runs: how the latest step of each stands, and what its steps have cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from operate.connection import Connection
from operate.emr.clusters import UNKNOWN
from operate.emr.node_costs import hour_price
from operate.emr.nodes import Node, list_nodes
from operate.emr.steps import Step, list_steps
from operate.runs.run_clusters import stage_clusters

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

AT_ONCE = 4  # EMR answers few calls a second


@dataclass(frozen=True)
class RunTrace:
    """State of a run's latest step as EMR calls it; USD of all its steps, None where that is not known."""

    state: str
    submitted: datetime | None
    cost_usd: float | None


def run_history(connection: Connection) -> dict[str, RunTrace]:
    """Return what EMR still knows of each run, by run id.

    A step costs what all nodes cost while it ran, on demand: without the cluster's start and its idling.
    """
    now, emr, deployment = datetime.now(UTC), connection.client("emr"), connection.deployment
    with ThreadPoolExecutor(AT_ONCE) as pool:
        cluster_ids = [cluster.id for cluster in stage_clusters(connection)]
        clusters = list(pool.map(lambda cluster_id: _steps_and_nodes(emr, cluster_id), cluster_ids))
    attempts: dict[str, list[tuple[Step, float | None]]] = {}
    for steps, nodes in clusters:
        for step in steps:
            if step.name.startswith(deployment.name_prefix):
                cost = step_cost(step, nodes, deployment.region, now)
                attempts.setdefault(step.name.removeprefix(deployment.name_prefix), []).append((step, cost))
    return {run_id: _trace(steps) for run_id, steps in attempts.items()}


def step_cost(step: Step, nodes: Iterable[Node], region: str, now: datetime) -> float | None:
    """Return the USD of the nodes' hours while the step ran; None where a type has no price.

    Args:
        now: a step or node that has not ended counts until then.
    """
    if step.started is None:
        return 0.0
    cost = 0.0
    for node in nodes:
        begin = max(node.created, step.started) if node.created else now
        hours = (min(node.ended or now, step.ended or now) - begin).total_seconds() / 3600
        if hours <= 0:
            continue
        price = hour_price(node, region)
        if price is None:
            return None
        cost += hours * price
    return cost


def _trace(attempts: Sequence[tuple[Step, float | None]]) -> RunTrace:
    latest = max(
        (step for step, _ in attempts), key=lambda step: step.created.timestamp() if step.created else 0
    )
    costs = [cost for _, cost in attempts if cost is not None]
    return RunTrace(latest.state, latest.created, sum(costs) if len(costs) == len(attempts) else None)


def _steps_and_nodes(emr: EMRClient, cluster_id: str) -> tuple[list[Step], list[Node]]:
    try:
        return list_steps(emr, cluster_id), list_nodes(emr, cluster_id)
    except ClientError as error:
        if error.response["Error"]["Code"] not in UNKNOWN:
            raise
        return [], []
