"""`fruit runs`: every run in the results bucket."""

from dataclasses import asdict

import click

from operate.connection import Connection, connected
from operate.printing import json_option, print_result, table
from operate.runs.run_folder import RunSummary, list_runs
from operate.runs.run_history import run_history

COLUMNS = (
    *("run", "date (UTC)", "state", "images", "rejected", "k", "variance"),
    *("accuracy", "model", "minutes", "USD"),
)
NUMBERS = ("images", "rejected", "k", "variance", "accuracy", "minutes", "USD")
UNKNOWN = "-"


@click.command("runs")
@json_option
@connected
def runs_command(connection: Connection, as_json: bool) -> None:
    """List every run: date, state, images, components, variance, accuracy, model, duration, cost.

    The cost is that of all nodes while the run's steps ran, on demand, for the two months that EMR remembers;
    `cost` tells that of whole clusters.

    \b
    Example:
      fruit runs
      fruit runs --json
    """
    deployment = connection.deployment
    history = run_history(connection)
    runs = list_runs(connection.client("s3"), deployment.results_bucket, history)
    text = (
        table(COLUMNS, [row(run) for run in runs], right=NUMBERS)
        if runs
        else f"no runs in {deployment.results_uri} yet: `fruit submit` starts one"
    )
    print_result([asdict(run) for run in runs], text, as_json=as_json)


def row(run: RunSummary) -> tuple[str, ...]:
    """Return a run as words, in the order of COLUMNS."""
    return (
        run.run,
        f"{run.created:%Y-%m-%d %H:%M}" if run.created else UNKNOWN,
        run.state,
        _number(run.images, ",d"),
        _number(run.rejected, ",d"),
        _number(run.components, ",d"),
        _number(run.explained_variance_ratio, ".3f"),
        _number(run.accuracy, ".3f"),
        run.model or UNKNOWN,
        _number(None if run.seconds is None else run.seconds / 60, ".1f"),
        _number(run.cost_usd, ".2f"),
    )


def _number(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else format(value, form)
