"""`fruit cost`: what clusters have cost so far."""

from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import click

from operate.connection import Connection, connected
from operate.emr.clusters import Cluster, describe_cluster
from operate.emr.node_costs import Line, account, spot_prices, total
from operate.emr.nodes import list_nodes
from operate.emr.steps import list_steps
from operate.printing import json_option, print_result, table
from operate.runs.run_clusters import find_run, meant_clusters, stage_clusters
from operate.runs.run_history import nodes_of_run
from operate.submission.estimate import Estimate
from operate.submission.place import estimated, find_place
from operate.submission.sources import image_uris

COLUMNS = ("cluster", "instance type", "market", "nodes", "hours", "USD", "source", "expected error")


@click.command("cost")
@click.argument("run", required=False)
@click.option("--days", type=click.FloatRange(0, min_open=True), help="Show all clusters of the last N days.")
@click.option("--cluster", "cluster_id", metavar="ID", help="Show this cluster.  [default: all that are up]")
@click.option("--next-run", is_flag=True, help="Show instead what another run on all images would cost.")
@json_option
@connected
def cost_command(
    connection: Connection,
    /,
    run: str | None,
    days: float | None,
    cluster_id: str | None,
    next_run: bool,
    as_json: bool,
) -> None:
    """Show what each cluster that is up, else the latest, has cost: instance hours, source, expected error.

    With RUN (run id or step id) show what that run has cost: the start of its cluster and its idle end are in
    it. To estimate a run beforehand, use --next-run, and `fruit plan` for a cluster that a deploy starts. EMR
    forgets clusters after two months.

    \b
    Example:
      fruit cost --days=30
      fruit cost run-1a2b3c4d5e6f
    """
    if next_run:
        expected = _next_run(connection)
        print_result({**asdict(expected), "source": expected.source}, expected.sentence, as_json=as_json)
        return
    emr = connection.client("emr")
    now = datetime.now(UTC)
    if run:
        cluster, step = find_run(connection, run, cluster_id)
        clusters = [describe_cluster(emr, cluster.id)]
        steps, nodes = list_steps(emr, cluster.id), list_nodes(emr, cluster.id)
        lives = {cluster.id: nodes_of_run(step, steps, nodes, now)}
    else:
        clusters = stage_clusters(connection, days) if days else meant_clusters(connection, cluster_id)
        lives = {cluster.id: list_nodes(emr, cluster.id) for cluster in clusters}
    accounts = {}
    for cluster in clusters:
        nodes = lives[cluster.id]
        spot = spot_prices(connection.client("ec2"), nodes, cluster.zone, now) if cluster.zone else {}
        accounts[cluster.id] = account(nodes, connection.region, now, spot)
    facts = [_facts(cluster, accounts[cluster.id]) for cluster in clusters]
    lines = list(chain.from_iterable(accounts.values()))
    print_result(
        {"clusters": facts, "total_usd": total(lines)},
        table(COLUMNS, _rows(accounts), right=("nodes", "hours", "USD")),
        as_json=as_json,
    )


def _next_run(connection: Connection) -> Estimate:
    return estimated(connection, find_place(connection, image_uris(connection.deployment, ())), {})


def _facts(cluster: Cluster, lines: list[Line]) -> dict[str, Any]:
    return {
        "cluster_id": cluster.id,
        "name": cluster.name,
        "state": cluster.state,
        "created": cluster.created,
        "ended": cluster.ended,
        "lines": [asdict(line) for line in lines],
        "total_usd": total(lines),
    }


def _rows(accounts: dict[str, list[Line]]) -> list[tuple[str, ...]]:
    rows = [
        (
            cluster_id,
            line.instance_type,
            line.market,
            str(line.nodes),
            f"{line.hours:.2f}",
            _usd(line.cost_usd),
            line.source,
            line.expected_error,
        )
        for cluster_id, lines in accounts.items()
        for line in lines
    ]
    every = [line for lines in accounts.values() for line in lines]
    hours = sum(line.hours for line in every)
    nodes = sum(line.nodes for line in every)
    return [*rows, ("total", "", "", str(nodes), f"{hours:.2f}", _usd(total(every)), "", "")]


def _usd(cost: float | None) -> str:
    return "no price" if cost is None else f"{cost:.2f}"
