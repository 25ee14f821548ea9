"""`time-serial`."""

from typing import Any

import click

from spark_job.analyses.summary import Summary
from spark_job.commands.analysis_command import analysis_command, open_spark
from spark_job.contract.extractor_files import ENGINES


@analysis_command("time-serial")
@click.option("--like", required=True, metavar="RUN", help="RESULTS/RUN_ID with the images to take.")
@click.option("--extractor", required=True, metavar="URI", help="Folder that `fruit extractor build` made.")
@click.option("--engine", type=click.Choice(ENGINES), default="openvino", show_default=True)
def time_serial_command(**options: Any) -> Summary:
    """Time one plain process on the images of a run: the baseline of `fruit tune`.

    \b
    Example:
      python -m spark_job time-serial --like results/RUN_ID --results results --extractor extractors/lite0
    """
    from spark_job.analyses.tuning.serial import measure_serial_process
    from spark_job.session import under_spark_submit

    if under_spark_submit():
        open_spark()  # YARN takes a driver without a session for a failure
    return measure_serial_process(**options)
