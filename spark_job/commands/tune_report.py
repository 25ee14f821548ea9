"""`tune-report`."""

import json
from pathlib import Path

import click

from spark_job.contract.errors import MisuseError
from spark_job.contract.tuning import Tuning


@click.command("tune-report")
@click.argument("measurements", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--results", required=True, metavar="URI", help="Where RUN_ID/ is made.")
@click.option("--run-id", metavar="ID", help="Name of the run's folder.  [default: tune, date and time]")
def tune_report_command(measurements: Path, results: str, run_id: str | None) -> None:
    """Show what `operate tune` measured: MEASUREMENTS is its tune.json.

    \b
    Example:
      python -m spark_job tune-report tune.json --results results
    """
    from spark_job.analyses.tuning.report import write_tuning_report

    try:
        content = json.loads(measurements.read_bytes())
    except ValueError as error:
        raise MisuseError(f"{measurements} is no tune.json of `operate tune`: {error}") from error
    print(write_tuning_report(Tuning.from_json(content), results, run_id))
