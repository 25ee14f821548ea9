"""`time-serial`."""

import click

from spark_job.contract.extractor_files import ENGINES


@click.command("time-serial")
@click.option("--like", required=True, metavar="RUN", help="RESULTS/RUN_ID whose images are taken.")
@click.option("--results", required=True, metavar="URI", help="Where RUN_ID/ is made.")
@click.option("--extractor", required=True, metavar="URI", help="Folder that build-extractor made.")
@click.option("--engine", type=click.Choice(ENGINES), default="openvino", show_default=True)
@click.option(
    "--run-id", metavar="ID", help="Name of the run's folder.  [default: time-serial, date and time]"
)
def time_serial_command(like: str, results: str, extractor: str, engine: str, run_id: str | None) -> None:
    """Time one plain process on the images of a run: the baseline of `operate tune`.

    \b
    Example:
      python -m spark_job time-serial --like results/RUN_ID --results results --extractor extractors/lite0
    """
    from spark_job.analyses.analysis_run import AnalysisRun
    from spark_job.analyses.source_run import SourceRun
    from spark_job.analyses.tuning.serial import time_serially
    from spark_job.contract.run_layout import LISTING
    from spark_job.extractors.folder import Extractor
    from spark_job.images.listing_table import read_listing
    from spark_job.report.document import Document
    from spark_job.session import open_session, under_spark_submit
    from spark_job.storage import Folder, normalise

    if under_spark_submit():
        open_session("spark_job time-serial")  # YARN takes a driver without a session for a failure
    source = SourceRun.open(like)
    parameters = {"like": source.uri, "extractor": extractor, "engine": engine}
    analysis = AnalysisRun.begin("time-serial", results, [source], parameters, run_id)
    files = (file for file in read_listing(source.table(LISTING)) if file.skipped is None)
    timing = time_serially(files, Extractor.open(Folder(normalise(extractor))), engine)
    images, rate = timing.usable + timing.rejected, timing.images_per_second
    tiles = {"Images": f"{images:,}", "Seconds": f"{timing.seconds:.1f}", "Images a second": f"{rate:,.0f}"}
    document = Document(
        "One serial process",
        "Read, decode, prepare and extract, one image after the other, on one core",
        tiles,
        sections=(),
        parameters=parameters,
    )
    metrics = {
        "images": {"usable": timing.usable, "rejected": timing.rejected},
        "features": {"images_per_second": rate},
    }
    analysis.finish(metrics, document)
    print(f"{images:,} images in {timing.seconds:.1f} s, {rate:,.0f} a second")
