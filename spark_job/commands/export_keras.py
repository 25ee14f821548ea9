"""`export-keras`."""

from pathlib import Path

import click

from spark_job.analyses.summary import Summary
from spark_job.commands.analysis_command import printed


@click.command("export-keras")
@click.option("--model", required=True, metavar="RUN", help="RESULTS/RUN_ID that `train` made.")
@click.option(
    "--extractor",
    metavar="URI",
    help="Folder that `fruit extractor build` made.  [default: where it was when the run was made]",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to make, as NAME.keras.",
)
@printed
def export_keras_command(model: str, extractor: str | None, out: Path) -> Summary:
    """Make one Keras model of network and classifier; it takes photographs and gives class probabilities.

    \b
    Example, on a laptop (needs TensorFlow):
      fruit export-keras --model results/TRAIN_ID --extractor extractors/lite0 --out fruit.keras
    """
    from spark_job.analyses.classifier.keras_model import export_keras
    from spark_job.analyses.classifier.saved_classifier import SavedClassifier
    from spark_job.analyses.source_run import SourceRun

    saved = SavedClassifier.of_run(SourceRun.open(model, "train"))
    return export_keras(saved, saved.open_extractor(extractor), out)
