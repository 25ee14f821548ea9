"""`runs`: every run in the results bucket."""

import click

from operate.connection import Connection
from operate.printing import json_option, print_result, table
from operate.run_folder import RunSummary, list_runs

COLUMNS = (
    "run",
    "date (UTC)",
    "state",
    "images",
    "rejected",
    "k",
    "variance",
    "accuracy",
    "model",
    "minutes",
)
NUMBERS = ("images", "rejected", "k", "variance", "accuracy", "minutes")
UNKNOWN = "-"


@click.command("runs")
@json_option
@click.pass_obj
def runs_command(connection: Connection, as_json: bool) -> None:
    """List every run: date, state, images, components, variance, model, duration.

    What a run cost is told by `cost`.

    \b
    Example:
      python -m operate runs
      python -m operate runs --json
    """
    deployment = connection.deployment
    runs = list_runs(connection.client("s3"), deployment.results_bucket)
    text = (
        table(COLUMNS, [row(run) for run in runs], right=NUMBERS)
        if runs
        else f"no runs in {deployment.results_uri} yet: `python -m operate submit` starts one"
    )
    print_result([run.plain() for run in runs], text, as_json=as_json)


def row(run: RunSummary) -> tuple[str, ...]:
    """A run as words, in the order of COLUMNS."""
    return (
        run.run,
        f"{run.created:%Y-%m-%d %H:%M}" if run.created else UNKNOWN,
        "complete" if run.complete else "unfinished",
        _number(run.images, ",d"),
        _number(run.rejected, ",d"),
        _number(run.components, ",d"),
        _number(run.explained_variance_ratio, ".3f"),
        _number(run.accuracy, ".3f"),
        run.model or UNKNOWN,
        _number(None if run.seconds is None else run.seconds / 60, ".1f"),
    )


def _number(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else format(value, form)
