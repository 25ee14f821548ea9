"""`tune-report`."""

from pathlib import Path

import click


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
    from spark_job.analyses.analysis_run import AnalysisRun
    from spark_job.analyses.tuning.measurements import read_measurements
    from spark_job.analyses.tuning.report import tune_document

    content = measurements.read_bytes()
    tuning = read_measurements(content, str(measurements))
    analysis = AnalysisRun.begin("tune", results, [], tuning.parameters, run_id)
    analysis.finish(tuning.metrics, tune_document(tuning), {"tune.json": content})
    print(analysis.folder.uri("report/index.html"))
