"""`compare`."""

import click


@click.command("compare")
@click.argument("runs", nargs=2, metavar="RUN RUN")
@click.option("--results", required=True, metavar="URI", help="Where RUN_ID/ is made.")
@click.option(
    "--price-per-hour",
    type=click.FloatRange(0),
    multiple=True,
    metavar="PRICE",
    help="Of the machine or cluster that ran them, for their cost; given twice: of the first and the second.",
)
@click.option("--run-id", metavar="ID", help="Name of the run's folder.  [default: compare-date-time]")
def compare_command(
    runs: tuple[str, str], results: str, price_per_hour: tuple[float, ...], run_id: str | None
) -> None:
    """Two runs side by side: parameters, counts, variance, subspace angles, accuracy, time and cost.

    \b
    Example:
      python -m spark_job compare results/monday results/tuesday --results results
    """
    from spark_job.analyses.comparison.analysis import compare_runs

    manifest, report = compare_runs(runs, results, price_per_hour, run_id)
    print(f"report  {report}\nrun     {manifest['run_id']}")
