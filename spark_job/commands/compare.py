"""`compare`."""

import click

from spark_job.analyses.summary import Summary
from spark_job.commands.analysis_command import analysis_command


@analysis_command("compare")
@click.argument("runs", nargs=2, metavar="RUN RUN")
@click.option(
    "--price-per-hour",
    "prices",
    type=click.FloatRange(0),
    multiple=True,
    metavar="PRICE",
    help="What the machine or cluster of the runs costs an hour, in USD; give it twice if the runs differ.",
)
def compare_command(
    runs: tuple[str, str], results: str, prices: tuple[float, ...], run_id: str | None
) -> Summary:
    """Show two runs side by side: parameters, counts, variance, subspace angles, accuracy, time and cost.

    \b
    Example:
      fruit compare results/monday results/tuesday --results results
    """
    from spark_job.analyses.comparison import compare_runs

    return compare_runs(runs, results, prices, run_id)
