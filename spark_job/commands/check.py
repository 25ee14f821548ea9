"""`check`."""

import sys

import click


@click.command("check")
@click.option("--features", required=True, metavar="RUN", help="RESULTS/RUN_ID of the run to check.")
@click.option("--results", required=True, metavar="URI", help="Where RUN_ID/ is made.")
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another threshold than the default, as dark=0.25; repeatable. The report names all of them.",
)
@click.option("--run-id", metavar="ID", help="Name of the run's folder.  [default: check, date and time]")
def check_command(features: str, results: str, thresholds: tuple[str, ...], run_id: str | None) -> None:
    """Find what is wrong with the photographs of a run: dark, blurry, double, mislabelled, and so on.

    \b
    Example:
      python -m spark_job check --features results/RUN_ID --results results
    """
    from spark_job.analyses.checking.analysis import CheckOptions, check
    from spark_job.analyses.checking.thresholds import Thresholds
    from spark_job.session import open_session
    from spark_job.spark_errors import named_by_cause

    options = CheckOptions(features, results, Thresholds.given(thresholds), run_id)
    with named_by_cause("checking"):
        manifest = check(
            options,
            lambda: open_session("spark_job check").sparkContext,
            say=lambda line: print(line, file=sys.stderr, flush=True),
        )
    print(f"{results.rstrip('/')}/{manifest['run_id']}/report/index.html")
