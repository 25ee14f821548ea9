"""`check`."""

from typing import Any

import click

from spark_job.analyses.summary import Summary
from spark_job.commands.analysis_command import analysis_command, open_spark, say


@analysis_command("check")
@click.option("--features", required=True, metavar="RUN", help="RESULTS/RUN_ID of the run to check.")
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a threshold, as dark=0.25; repeatable. The report lists all thresholds.",
)
def check_command(thresholds: tuple[str, ...], **options: Any) -> Summary:
    """Find what is wrong with the photographs of a run: dark, blurry, double, mislabelled, and so on.

    \b
    Example:
      fruit check --features results/RUN_ID --results results
    """
    from spark_job.analyses.checking.analysis import CheckOptions, check
    from spark_job.analyses.checking.findings import Thresholds

    return check(CheckOptions(thresholds=Thresholds.given(thresholds), **options), open_spark, say)
