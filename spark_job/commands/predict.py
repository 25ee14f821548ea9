"""`predict`."""

from typing import Any

import click

from spark_job.analyses.summary import Summary
from spark_job.commands.analysis_command import analysis_command, open_spark, say


@analysis_command("predict")
@click.option("--model", required=True, metavar="RUN", help="RESULTS/RUN_ID that `train` made.")
@click.option("--images", required=True, metavar="URI", help="Folder, s3://BUCKET/PREFIX, or one photograph.")
@click.option(
    "--extractor",
    metavar="URI",
    help="Folder that `fruit extractor build` made.  [default: where it was when the run was made]",
)
@click.option("--all-files", is_flag=True, help="Try every file, not only those named like images.")
def predict_command(**options: Any) -> Summary:
    """Name the five most probable classes of each photograph, and flag those unlike anything learnt.

    \b
    Example:
      fruit predict --model results/TRAIN_ID --images photo.jpg --results results
    """
    from spark_job.analyses.prediction.analysis import PredictionOptions, predict

    return predict(PredictionOptions(**options), open_spark, say)
