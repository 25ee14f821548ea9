"""`fruit cost`: what clusters have cost so far, what a run has cost, and what all runs of a month have."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import click

from operate.connection import Connection, connected
from operate.emr.clusters import Cluster, list_nodes
from operate.emr.node_costs import Line, account, total
from operate.emr.steps import Step, list_steps
from operate.printing import json_option, print_result, say, table
from operate.runs import run_history as history
from operate.runs.watch import read_of_run
from operate.submission.place import Estimate, deployed_job, estimate_of_new, estimated, find_place
from operate.submission.preparation import image_uris
from spark_job.contract.run_layout import METRICS

COLUMNS = ("cluster", "instance type", "market", "nodes", "hours", "USD", "source", "expected error")


@click.command("cost")
@click.argument("run", required=False)
@click.option(
    "--month",
    type=click.DateTime(["%Y-%m"]),
    metavar="YYYY-MM",
    help="Show what each run of this month has cost (UTC).",
)
@click.option("--days", type=click.FloatRange(0, min_open=True), help="Show all clusters of the last N days.")
@click.option("--cluster", "cluster_id", metavar="ID", help="Show this cluster.  [default: all that are up]")
@click.option("--next-run", is_flag=True, help="Show instead what another run on all images would cost.")
@json_option
@connected
def cost_command(
    connection: Connection,
    /,
    run: str | None,
    month: datetime | None,
    days: float | None,
    cluster_id: str | None,
    next_run: bool,
    as_json: bool,
) -> None:
    """Show what each cluster that is up, else the latest, has cost: instance hours, source, expected error.

    With RUN (run id or step id) show what that run has cost, beside what was to be expected: the start of its
    cluster and its idle end are in it. To estimate a run beforehand, use --next-run, and `fruit plan` for a
    cluster that a deploy starts. EMR forgets clusters after two months; from then on --month says of a run
    what its manifest holds.

    \b
    Example:
      fruit cost --days=30
      fruit cost --month=2026-11
      fruit cost run-1a2b3c4d5e6f
    """
    if next_run:
        place = find_place(connection, image_uris(connection.deployment, ()))
        next_one = estimated(connection, place, {})
        print_result({**asdict(next_one), "source": next_one.source}, next_one.sentence, as_json=as_json)
        return
    if month:
        print_month(connection, month, as_json=as_json)
        return
    emr = connection.client("emr")
    now = datetime.now(UTC)
    step = expected = None
    if run:
        cluster, step = history.find_run(connection, run, cluster_id)
        clusters, expected = [cluster], _estimate_of(connection, step)
    elif days:
        clusters = history.stage_clusters(connection, days)
    else:
        clusters = history.meant_clusters(connection, cluster_id)
    accounts = {}
    for cluster in clusters:
        nodes = list_nodes(emr, cluster.id)
        spot = history.spot_of(connection, cluster.id, nodes, now)
        paid = history.nodes_of_run(step, list_steps(emr, cluster.id), nodes, now) if step else nodes
        accounts[cluster.id] = account(paid, connection.region, now, spot)
    lines = list(chain.from_iterable(accounts.values()))
    told = {
        "clusters": [_facts(cluster, accounts[cluster.id]) for cluster in clusters],
        "total_usd": total(lines),
        "estimate": asdict(expected) if expected else None,
    }
    print_result(told, table(COLUMNS, _rows(accounts), right=("nodes", "hours", "USD")), as_json=as_json)
    if expected:
        say(f"it has cost {_usd(total(lines))} USD; estimated before: {expected.sentence}")


def print_month(connection: Connection, month: datetime, *, as_json: bool) -> None:
    """Print what each run of a month has cost, and their sum. A run is of the month in which it ended."""
    traces = history.run_history(connection, at_spot_prices=True)
    found = history.list_runs(connection.client("s3"), connection.deployment.results_bucket, traces)
    wanted = f"{month:%Y-%m}"
    runs = [run for run in found if run.created and f"{run.created.astimezone(UTC):%Y-%m}" == wanted]
    known = sum(run.cost_usd for run in runs if run.cost_usd is not None)
    told = {"month": wanted, "runs": [asdict(run) for run in runs], "total_usd": known}
    rows = [(run.run, run.created_text, run.state, _usd(run.cost_usd)) for run in runs]
    unknown = sum(run.cost_usd is None for run in runs)
    last = ("total", "", f"{unknown} not known" if unknown else "", f"{known:.2f}")
    shown = table(("run", "created (UTC)", "state", "USD"), [*rows, last], right=("USD",))
    print_result(told, shown, as_json=as_json)


def _estimate_of(connection: Connection, step: Step) -> Estimate | None:
    """Return what a complete run was to take on its own cluster, by what was known at its submission."""
    images = (read_of_run(connection, step, METRICS) or {}).get("images", {})
    count = images.get("usable", 0) + images.get("rejected", 0)
    if not count:
        return None
    earlier = [rate for rate in history.own_rates(connection) if step.created and rate.created < step.created]
    return estimate_of_new(deployed_job(connection), count, earlier)


def _facts(cluster: Cluster, lines: list[Line]) -> dict[str, Any]:
    told = {name: getattr(cluster, name) for name in ("name", "state", "created", "ended")}
    costs = {"lines": [asdict(line) for line in lines], "total_usd": total(lines)}
    return {"cluster_id": cluster.id, **told, **costs}


def _rows(accounts: dict[str, list[Line]]) -> list[tuple[str, ...]]:
    rows = [
        (cluster_id, one.instance_type, one.market, *_figures([one]), one.source, one.expected_error)
        for cluster_id, lines in accounts.items()
        for one in lines
    ]
    return [*rows, ("total", "", "", *_figures([*chain(*accounts.values())]), "", "")]


def _figures(lines: Sequence[Line]) -> tuple[str, str, str]:
    """Return nodes, hours and USD of these lines together."""
    nodes, hours = sum(line.nodes for line in lines), sum(line.hours for line in lines)
    return str(nodes), f"{hours:.2f}", _usd(total(lines))


def _usd(cost: float | None) -> str:
    return "not known" if cost is None else f"{cost:.2f}"
