"""`fruit runs`: every run in the results bucket."""

from dataclasses import asdict

import click
from rich.table import Table

from operate.connection import Connection, connected
from operate.printing import json_option, print_result, table
from operate.runs.run_history import RunSummary, list_runs, run_history

# Column -> the field that it shows and is sorted by, and its format.
COLUMNS = {
    "run": ("run", ""),
    "kind": ("kind", ""),
    "created (UTC)": ("created", ""),
    "state": ("state", ""),
    "images": ("images", ",.0f"),
    "rejected": ("rejected", ",.0f"),
    "components": ("components", ",.0f"),
    "variance": ("explained_variance_ratio", ".3f"),
    "accuracy": ("accuracy", ".3f"),
    "model": ("model", ""),
    "images/s": ("images_per_second", ",.0f"),
    "minutes": ("seconds", ".1f"),
    "USD": ("cost_usd", ".2f"),
    "parents": ("parents", ""),
}
TEXTS = ("run", "kind", "state", "model", "parents")
NUMBERS = tuple(name for name in COLUMNS if name not in TEXTS)
BY_WORD = {name.partition(" ")[0]: name for name in COLUMNS}
UNKNOWN = "-"


@click.command("runs")
@click.option(
    "--sort",
    "column",
    type=click.Choice(list(BY_WORD), case_sensitive=False),
    help="Sort by this column: texts from A to Z, the largest numbers and the latest dates first.",
)
@click.option("--match", "text", default="", help="Show only runs of which a column contains this text.")
@json_option
@connected
def runs_command(connection: Connection, column: str | None, text: str, as_json: bool) -> None:
    """List every run with what a person compares: images, components, accuracy, speed, time, cost and more.

    A run has the accuracy of the newest `train` that was made from it. The cost is that of all nodes in the
    run's share of its cluster's life, on demand, for the two months that EMR remembers: the last run pays for
    the idle end, until another one begins. `cost` tells that of clusters.

    \b
    Example:
      fruit runs --sort accuracy
      fruit runs --match resnet50 --json
    """
    deployment = connection.deployment
    history = run_history(connection)
    found = list_runs(connection.client("s3"), deployment.results_bucket, history)
    runs = [run for run in found if any(text.lower() in cell.lower() for cell in row(run))]
    if column:  # numbers and dates descending; runs without a value come last
        name = BY_WORD[column]
        known = [run for run in runs if getattr(run, COLUMNS[name][0]) is not None]
        known.sort(key=lambda run: getattr(run, COLUMNS[name][0]), reverse=name in NUMBERS)
        runs = known + [run for run in runs if getattr(run, COLUMNS[name][0]) is None]
    if runs:
        shown: Table | str = table(tuple(COLUMNS), [row(run) for run in runs], right=NUMBERS)
    elif found:
        shown = f"none of {len(found)} runs contains {text!r}"
    else:
        shown = f"no runs in {deployment.results_uri} yet: `fruit submit` starts one"
    print_result([asdict(run) for run in runs], shown, as_json=as_json)


def row(run: RunSummary) -> tuple[str, ...]:
    """Return a run as words, in the order of COLUMNS."""
    cells = []
    for field, form in COLUMNS.values():
        value = getattr(run, field)
        if value in (None, "", ()):
            cells.append(UNKNOWN)
        elif field == "created":
            cells.append(run.created_text)
        elif field == "parents":
            cells.append(", ".join(value))
        else:
            cells.append(format(value / 60 if field == "seconds" else value, form))  # a column of minutes
    return tuple(cells)
