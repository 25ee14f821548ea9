"""`predict`."""

import sys
from typing import Any

import click

PRINTED = 20


@click.command("predict")
@click.option("--model", required=True, metavar="RUN", help="RESULTS/RUN_ID that `train` made.")
@click.option("--images", required=True, metavar="URI", help="Folder, s3://BUCKET/PREFIX, or one photograph.")
@click.option("--results", required=True, metavar="URI", help="Where RUN_ID/ is made.")
@click.option(
    "--extractor", metavar="URI", help="Folder that build-extractor made.  [default: where it lay then]"
)
@click.option("--all-files", is_flag=True, help="Try every file, not only those named like images.")
@click.option("--run-id", metavar="ID", help="Name of the run's folder.  [default: predict, date and time]")
def predict_command(**options: Any) -> None:
    """Say what is on photographs: class, probability, the five most probable, and what is like nothing known.

    \b
    Example:
      python -m spark_job predict --model results/TRAIN_ID --images photo.jpg --results results
    """
    from spark_job.analyses.prediction.analysis import PredictionOptions, predict
    from spark_job.report.quantities import percent
    from spark_job.session import open_session
    from spark_job.spark_errors import named_by_cause

    asked = PredictionOptions(**options)
    with named_by_cause("prediction"):
        manifest, outcome = predict(
            asked,
            lambda: open_session("spark_job predict").sparkContext,
            say=lambda line: print(line, file=sys.stderr),
        )
    if outcome.images <= PRINTED:
        for one in sorted(outcome.sample, key=lambda shown: shown.path):
            found = zip(one.answer.classes, one.answer.probabilities, strict=True)
            listed = ", ".join(f"{name} {percent(share)}" for name, share in found)
            print(f"{one.path}: {listed}{' - unlike anything trained on' if one.answer.unlike else ''}")
    unlike, rejected = f"{outcome.unlike:,} unlike anything trained on", f"{outcome.rejected:,} rejected"
    print(f"{outcome.images:,} images, {unlike}, {rejected}")
    print(f"{asked.results.rstrip('/')}/{manifest['run_id']}/report/index.html")
