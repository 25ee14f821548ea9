"""`fruit status`: clusters, fleets, nodes, steps, when they end, what they have cost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.console import Group

from operate.connection import Connection, connected
from operate.emr.clusters import IDLE, ROLE_NAMES, Cluster, idle_timeout, list_fleets, list_nodes
from operate.emr.node_costs import account, total
from operate.emr.steps import Step, list_steps
from operate.printing import json_option, print_result, say, table
from operate.runs.run_history import find_run, meant_clusters
from operate.runs.watch import progress_of, wait_for_run
from spark_job.contract.foreign_texts import terminal_text
from spark_job.contract.progress import Progress

MOST_STEPS = 10
RUNNING = "RUNNING"


@click.command("status")
@click.argument("run", required=False)
@click.option("--cluster", "cluster_id", metavar="ID", help="Show this cluster.  [default: all that are up]")
@click.option("--wait", is_flag=True, help="Wait for the end of RUN; exit code 1 if it fails.")
@json_option
@connected
def status_command(
    connection: Connection, /, run: str | None, cluster_id: str | None, wait: bool, as_json: bool
) -> None:
    """Show each cluster that is up, else the latest; with RUN (run id or step id), that step alone.

    \b
    Example:
      fruit status
      fruit status run-1a2b3c4d5e6f --wait
    """
    if run or wait:
        cluster, step = find_run(connection, run, cluster_id)
        if wait:
            step = wait_for_run(connection, cluster.id, step.id)
        progress = progress_of(connection, step, cluster.id)
        told = step_facts(step) | {"progress": progress and progress.to_json()}
        print_result(told, Group(steps_table([step]), *_lines(progress)), as_json=as_json)
        return
    shown = [_described(connection, cluster) for cluster in meant_clusters(connection, cluster_id)]
    if not shown:
        say(f"EMR remembers no cluster of {connection.stage}: `{connection.command('submit')}` starts one")
    facts, texts = [facts for facts, _ in shown], [text for _, text in shown]
    print_result({"clusters": facts}, Group(*texts), as_json=as_json)


def _described(connection: Connection, cluster: Cluster) -> tuple[dict[str, Any], Group]:
    """Return what there is to say of a cluster, as JSON has it and for people."""
    emr, now = connection.client("emr"), datetime.now(UTC)
    fleets, nodes = list_fleets(emr, cluster.id), list_nodes(emr, cluster.id)
    steps = list_steps(emr, cluster.id)
    ends = idle_end(cluster, steps, idle_timeout(emr, cluster.id) if cluster.live else None)
    cost = total(account(nodes, connection.region, now))
    running = next((step for step in steps if step.state == RUNNING), None)
    progress = progress_of(connection, running, cluster.id) if running else None
    facts = {
        "cluster_id": cluster.id,
        **{name: getattr(cluster, name) for name in ("state", "reason", "created", "ended")},
        "fleets": [vars(fleet) for fleet in fleets],
        "nodes": [vars(node) for node in nodes],
        "steps": [step_facts(step) for step in steps],
        "ends_when_idle_at": ends,
        "cost_usd_so_far": cost,
        "progress": progress and progress.to_json(),
    }
    rows = []
    for one in fleets:
        counts = f"{one.on_demand} of {one.on_demand_target}", f"{one.spot} of {one.spot_target}"
        rows.append((ROLE_NAMES.get(one.kind, one.kind), one.state, *counts))
    here = [node for node in nodes if not node.gone]
    node_rows = [(one.id, one.ec2_id, one.type, one.market, one.state, _moment(one.created)) for one in here]
    tables = (
        table(("fleet", "state", "on demand", "Spot"), rows),
        table(("node", "instance", "type", "market", "state", "since"), node_rows),
        steps_table(steps[:MOST_STEPS]),
    )
    shown = [_headline(cluster, ends, cost, now), *_lines(progress)]
    return facts, Group(*shown, *(part for one in tables for part in (one, "")))


def _lines(progress: Progress | None) -> list[str]:
    return [terminal_text(progress.line()), ""] if progress else []


def idle_end(cluster: Cluster, steps: list[Step], timeout: timedelta | None) -> datetime | None:
    """Return when the idle cluster ends if no step comes; None: it works, has ended, or stays."""
    if cluster.state != IDLE or timeout is None:
        return None
    moments = [step.ended for step in steps if step.ended] + ([cluster.ready] if cluster.ready else [])
    return max(moments) + timeout if moments else None


def step_facts(step: Step) -> dict[str, Any]:
    """Return a step as JSON has it."""
    told = ("name", "state", "reason", "created", "started", "ended")
    return {"step_id": step.id} | {name: getattr(step, name) for name in told}


def steps_table(steps: list[Step]) -> Any:
    """Return the steps as a table."""
    rows = [
        (step.id, step.name, step.state, _moment(step.started), _moment(step.ended), step.reason)
        for step in steps
    ]
    return table(("step", "name", "state", "started", "ended", "reason"), rows)


def _headline(cluster: Cluster, ends: datetime | None, cost: float | None, now: datetime) -> str:
    lines = [f"cluster {cluster.id} {cluster.state} {cluster.reason}".rstrip()]
    lines.append(f"made {_moment(cluster.created)}, {cluster.release}, {cluster.name}")
    if cluster.ended:
        lines.append(f"ended {_moment(cluster.ended)}")
    if ends:
        left = max((ends - now).total_seconds() / 60, 0)
        lines.append(f"idle: it ends at {_moment(ends)}, in {left:.0f} min, unless a step comes")
    so_far = "unknown: a type has no price"
    if cost is not None:
        so_far = f"{cost:.2f} USD, all nodes at the price on demand"
    return "\n".join([*lines, f"cost so far {so_far} (`cost` tells more)", ""])


def _moment(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if moment else "-"
