"""`convergence`."""

import sys

import click

from spark_job.commands.parameter_types import CommaSeparated
from spark_job.python_daemon import make_ready
from spark_job.session import begin_session


@click.command("convergence")
@click.option("--features", required=True, metavar="RUN", help="RESULTS/RUN_ID whose features are looked at.")
@click.option("--results", required=True, metavar="URI", help="Where RUN_ID/ is made.")
@click.option(
    "--samples",
    type=CommaSeparated(int),
    default=(10, 30, 100),
    show_default="10,30,100",
    help="Images of each class; all images are looked at besides.",
)
@click.option(
    "--shares",
    type=CommaSeparated(float),
    default=(0.7, 0.8, 0.9, 0.95),
    show_default="0.7,0.8,0.9,0.95",
    help="Shares of the variance.",
)
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="Samples of each size.")
@click.option("--run-id", metavar="ID", help="Name of the run's folder.  [default: convergence-date-time]")
def convergence_command(
    features: str,
    results: str,
    samples: tuple[int, ...],
    shares: tuple[float, ...],
    seeds: int,
    run_id: str | None,
) -> None:
    """How many components hold a share of the variance as the sample grows.

    \b
    Example:
      python -m spark_job convergence --features results/20260101-120000 --results results
    """
    from spark_job.analyses.analysis_run import AnalysisRun
    from spark_job.analyses.convergence.analysis import ConvergenceRequest, analyse_convergence
    from spark_job.analyses.source_run import SourceRun

    request = ConvergenceRequest(samples, shares, seeds)
    request.check()
    source = SourceRun.open(features)
    session = begin_session("spark_job", in_each_worker=make_ready)
    parameters = {"samples": samples, "shares": shares, "seeds": seeds}
    run = AnalysisRun.begin("convergence", results, [source], parameters, run_id)
    manifest = analyse_convergence(source, request, run, session, lambda line: print(line, file=sys.stderr))
    print(f"report  {run.folder.uri('report/index.html')}\nrun     {manifest['run_id']}")
