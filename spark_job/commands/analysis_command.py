"""What the commands of all analyses share: where the results go, progress, and the answer they end with."""

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from spark_job.analyses.summary import Summary

if TYPE_CHECKING:
    from pyspark import SparkContext


def analysis_command(name: str) -> Callable[[Callable[..., Summary]], click.Command]:
    """Make a command of a function that writes a run of its own and returns its summary.

    The command has the options `--results`, `--run-id` and `--json` besides those of the function.
    """

    def decorate(analyse: Callable[..., Summary]) -> click.Command:
        decorated = printed(analyse)
        for option in (
            click.option(
                "--run-id", metavar="ID", help=f"Name of the run's folder.  [default: {name}, date and time]"
            ),
            click.option("--results", required=True, metavar="URI", help="Folder in which RUN_ID/ is made."),
        ):
            decorated = option(decorated)
        return click.command(name)(decorated)

    return decorate


def printed(analyse: Callable[..., Summary]) -> Callable[..., None]:
    """Print the summary that a function returns, as text or, with `--json`, as one JSON object."""

    @click.option("--json", "as_json", is_flag=True, help="Print the answer as one JSON object.")
    @functools.wraps(analyse)
    def command(as_json: bool, **options: Any) -> None:
        from spark_job.session import named_by_cause

        with named_by_cause(str(click.get_current_context().info_name)):
            summary = analyse(**options)
        print(summary.as_json() if as_json else summary.as_text())

    return command


def say(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)


def open_spark() -> "SparkContext":
    """Start Spark, or join the one that spark-submit has started."""
    from spark_job.session import open_session

    return open_session(f"spark_job {click.get_current_context().info_name}").sparkContext
