"""`convergence`."""

from typing import Any

import click

from spark_job.analyses.summary import Summary
from spark_job.commands.analysis_command import analysis_command, open_spark, say
from spark_job.commands.parameter_types import CommaSeparated


@analysis_command("convergence")
@click.option("--features", required=True, metavar="RUN", help="RESULTS/RUN_ID of the run to look at.")
@click.option(
    "--samples",
    "per_class",
    type=CommaSeparated(int),
    default=(10, 30, 100),
    show_default="10,30,100",
    help="Images of each class in a sample; all images are taken as well.",
)
@click.option(
    "--shares",
    type=CommaSeparated(float),
    default=(0.7, 0.8, 0.9, 0.95),
    show_default="0.7,0.8,0.9,0.95",
    help="Shares of the variance to find components for.",
)
@click.option(
    "--seeds", type=click.IntRange(1), default=5, show_default=True, help="Samples to draw of each size."
)
def convergence_command(**options: Any) -> Summary:
    """Show how many components hold a share of the variance as the sample grows.

    \b
    Example:
      fruit convergence --features results/RUN_ID --results results
    """
    from spark_job.analyses.convergence import analyse_convergence

    return analyse_convergence(**options, spark=open_spark, say=say)
