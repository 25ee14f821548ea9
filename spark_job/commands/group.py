"""`group`."""

import sys
from typing import Any

import click

from spark_job.commands.parameter_types import IntegerRange


@click.command("group")
@click.option("--features", required=True, metavar="RUN", help="RESULTS/RUN_ID of the run to group.")
@click.option("--results", required=True, metavar="URI", help="Where RUN_ID/ is made.")
@click.option("--k", type=click.IntRange(2), help="How many clusters.  [default: the silhouette decides]")
@click.option(
    "--k-range",
    type=IntegerRange(least=2),
    default="2:60",
    show_default=True,
    help="Fewest and most clusters to try without --k.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draws and the starts.")
@click.option("--run-id", metavar="ID", help="Name of the run's folder.  [default: group, date and time]")
def group_command(**options: Any) -> None:
    """Group the images of a run without their labels: K-means on its components, and a map.

    \b
    Example:
      python -m spark_job group --features results/RUN_ID --results results
    """
    from spark_job.analyses.grouping.analysis import GroupOptions, group
    from spark_job.session import open_session
    from spark_job.spark_errors import named_by_cause

    checked = GroupOptions(**options)
    with named_by_cause("grouping"):
        manifest = group(
            checked,
            lambda: open_session("spark_job group").sparkContext,
            say=lambda line: print(line, file=sys.stderr, flush=True),
        )
    print(f"{checked.results.rstrip('/')}/{manifest['run_id']}/report/index.html")
