"""`group`."""

from typing import Any

import click

from spark_job.analyses.summary import Summary
from spark_job.commands.analysis_command import analysis_command, open_spark, say
from spark_job.commands.parameter_types import IntegerRange


@analysis_command("group")
@click.option("--features", required=True, metavar="RUN", help="RESULTS/RUN_ID of the run to group.")
@click.option("--k", type=click.IntRange(2), help="Number of clusters.  [default: the silhouette decides]")
@click.option(
    "--k-range",
    type=IntegerRange(least=2),
    default="2:60",
    show_default=True,
    help="Without --k: the fewest and the most clusters to try.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides what is drawn by chance.")
def group_command(**options: Any) -> Summary:
    """Group the images of a run without their labels: K-means on its components, and a map.

    \b
    Example:
      fruit group --features results/RUN_ID --results results
    """
    from spark_job.analyses.grouping.analysis import GroupOptions, group

    return group(GroupOptions(**options), open_spark, say)
