"""The commands that work on finished runs: their options, progress, and the answer they end with."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spark_job.contract.extractor_files import ENGINES
from spark_job.contract.foreign_texts import terminal_text

if TYPE_CHECKING:
    from pyspark import SparkContext

    from spark_job.analyses.runs import Summary

model_option = click.option("--model", required=True, metavar="RUN", help="RESULTS/RUN_ID that `train` made.")
extractor_option = click.option(
    "--extractor",
    metavar="URI",
    help="Folder that `fruit extractor build` made.  [default: the one that the model names, if it lies "
    "in the model's own results]",
)
fingerprint_option = click.option(
    "--extractor-fingerprint",
    "fingerprint",
    metavar="SHA256",
    help="Take the extractor only if this is its fingerprint, and then wherever it lies.",
)


def seed_option(decides: str) -> Callable[[Callable[..., Summary]], Callable[..., Summary]]:
    """Return the option that decides what is drawn by chance."""
    return click.option("--seed", type=int, default=0, help=f"Decides {decides}.")


def analysis_command(
    name: str, features: str = "", label: str = ""
) -> Callable[[Callable[..., Summary]], click.Command]:
    """Make a command, with --results, --run-id and --json, of a function that returns a summary.

    `features` says what is done with the run that --features names; `label` what --label is for.
    """
    read = f"RESULTS/RUN_ID of the run to {features}."
    column = f"Column of the run's table of labels {label}.  [default: the label of the run]"
    results = click.option("--results", required=True, metavar="URI", help="Folder in which RUN_ID/ is made.")
    own_name = f"Name of the run's folder.  [default: {name}, date and time]"

    def make(analyse: Callable[..., Any]) -> click.Command:
        if features:
            analyse = click.option("--label", metavar="COLUMN", help=column)(analyse)
            analyse = click.option("--features", required=True, metavar="RUN", help=read)(analyse)
        named = click.option("--run-id", metavar="ID", help=own_name)(printed(analyse))
        return click.command(name, context_settings={"show_default": True})(results(named))

    return make


def printed(analyse: Callable[..., Summary]) -> Callable[..., None]:
    """Print the summary that a function returns, as text or, with `--json`, as one JSON object."""

    @click.option("--json", "as_json", is_flag=True, help="Print the answer as one JSON object.")
    @functools.wraps(analyse)
    def command(as_json: bool, **options: Any) -> None:
        from spark_job.session import named_by_cause

        with named_by_cause(str(click.get_current_context().info_name)):
            summary = analyse(**options)
        print(summary.as_json() if as_json else terminal_text(summary.as_text()))

    return command


def say(line: str) -> None:
    """Print a line of progress."""
    print(terminal_text(line), file=sys.stderr, flush=True)


def open_spark() -> SparkContext:
    """Start Spark, or join the one that spark-submit has started."""
    from spark_job.session import open_session

    return open_session(f"spark_job {click.get_current_context().info_name}").sparkContext


def comma_separated(kind: type) -> Callable[[str], tuple[Any, ...]]:
    """Return a function that reads `a,b,c`, each part of this type, for `click.option(type=…)`."""

    def read(value: str) -> tuple[Any, ...]:
        try:
            return tuple(kind(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            wrong = f"{value!r} is not a list of {kind.__name__} separated by commas"
            raise click.BadParameter(wrong) from None

    return read


def cluster_range(value: str) -> tuple[int, int]:
    """Read `MIN:MAX`, both included."""
    found = re.fullmatch(r"(\d+):(\d+)", value)
    if not found or not 2 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter(f"{value!r} is not MIN:MAX with 2 <= MIN <= MAX, such as 2:10")
    return int(found[1]), int(found[2])


@analysis_command("train", features="train on", label="to learn")
@click.option("--test-features", metavar="RUN", help="Run to test on, made with the same extractor.")
@click.option(
    "--on",
    type=click.Choice(["features", "components", "both"]),
    default="features",
    help="What to train on; `both` shows how much accuracy the reduction costs.",
)
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    help="Share of each class to test on, without --test-features and without Training and Test folders.",
)
@seed_option("which images are held out")
@click.option(
    "--regularization",
    type=click.FloatRange(0, min_open=True),
    default=1e-3,
    help="L2 penalty on the coefficients of the standardised columns.",
)
@click.option("--max-iterations", type=click.IntRange(1), default=100, help="Most steps of L-BFGS.")
@click.option("--verbose", is_flag=True, help="Print the loss after each iteration.")
def train_command(verbose: bool, regularization: float, max_iterations: int, **options: Any) -> Summary:
    """Train a classifier on the features of a run: a softmax head on a frozen network.

    \b
    Example:
      fruit train --features results/RUN_ID --results results --on both
    """
    from spark_job.analyses.training.analysis import train
    from spark_job.analyses.training.softmax import Settings

    settings, trace = Settings(regularization, max_iterations), say if verbose else None
    return train(**options, open_spark=open_spark, say=say, settings=settings, trace=trace)


@analysis_command("predict")
@model_option
@click.option("--images", required=True, metavar="URI", help="Folder, s3://BUCKET/PREFIX, or one photograph.")
@extractor_option
@fingerprint_option
@click.option(
    "--labels",
    metavar="RULE|TABLE",
    help="Where the class comes from that the answers are held against, as in `fruit run`.  [default: as in "
    "the run that the model learnt from; none, if that had a table]",
)
@click.option("--all-files", is_flag=True, help="Try every file, not only those named like images.")
def predict_command(**options: Any) -> Summary:
    """Name the five most probable classes of each photograph, and flag those unlike anything learnt.

    \b
    Example:
      fruit predict --model results/TRAIN_ID --extractor extractors/efficientnet_lite0 \\
        --images photo.jpg --results results
    """
    from spark_job.analyses.prediction.analysis import predict

    return predict(**options, open_spark=open_spark, say=say)


@analysis_command("group", features="group", label="to hold the clusters against")
@click.option("--k", type=click.IntRange(2), help="Number of clusters.  [default: the silhouette decides]")
@click.option(
    "--k-range",
    type=cluster_range,
    default="2:60",
    metavar="MIN:MAX",
    help="Without --k: the fewest and the most clusters to try.",
)
@seed_option("what is drawn by chance")
def group_command(**options: Any) -> Summary:
    """Group the images of a run without their labels: K-means on its components, and a map.

    \b
    Example:
      fruit group --features results/RUN_ID --results results
    """
    from spark_job.analyses.grouping.analysis import group

    return group(**options, spark=open_spark, say=say)


@analysis_command("check", features="check", label="that says the class")
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
    from spark_job.analyses.checking.analysis import check
    from spark_job.analyses.checking.findings import Thresholds

    return check(thresholds=Thresholds.given(thresholds), **options, spark=open_spark, say=say)


@analysis_command("compare")
@click.argument("runs", nargs=2, metavar="RUN RUN")
@click.option(
    "--price-per-hour",
    "prices",
    type=click.FloatRange(0),
    multiple=True,
    metavar="PRICE",
    help="What the machine or cluster of the runs costs an hour, in USD; give it twice if the runs differ.",
)
def compare_command(runs: tuple[str, str], **options: Any) -> Summary:
    """Show two runs side by side: parameters, counts, variance, subspace angles, accuracy, time and cost.

    \b
    Example:
      fruit compare results/monday results/tuesday --results results
    """
    from spark_job.analyses.comparison import compare_runs

    return compare_runs(runs, **options)


@analysis_command("convergence", features="look at", label="that says the class")
@click.option(
    "--samples",
    "per_class",
    type=comma_separated(int),
    default="10,30,100",
    metavar="INT,…",
    help="Images of each class in a sample; all images are taken as well.",
)
@click.option(
    "--shares",
    type=comma_separated(float),
    default="0.7,0.8,0.9,0.95",
    metavar="FLOAT,…",
    help="Shares of the variance to find components for.",
)
@click.option("--seeds", type=click.IntRange(1), default=5, help="Samples to draw of each size.")
def convergence_command(**options: Any) -> Summary:
    """Show how many components hold a share of the variance as the sample grows.

    \b
    Example:
      fruit convergence --features results/RUN_ID --results results
    """
    from spark_job.analyses.convergence import analyse_convergence

    return analyse_convergence(**options, spark=open_spark, say=say)


@click.command("export-keras")
@model_option
@extractor_option
@fingerprint_option
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to make, as NAME.keras.",
)
@printed
def export_keras_command(model: str, extractor: str | None, fingerprint: str | None, out: Path) -> Summary:
    """Make one Keras model of network and classifier; it takes photographs and gives class probabilities.

    \b
    Example, on a laptop (needs TensorFlow):
      fruit export-keras --model results/TRAIN_ID --extractor extractors/efficientnet_lite0 --out fruit.keras
    """
    from spark_job.analyses.classifier import SavedClassifier
    from spark_job.analyses.keras_export import export_keras
    from spark_job.analyses.runs import SourceRun

    saved = SavedClassifier.of_run(SourceRun.open(model, "train"))
    return export_keras(saved, saved.open_extractor(extractor, fingerprint), out)


@analysis_command("time-serial")
@click.option("--like", required=True, metavar="RUN", help="RESULTS/RUN_ID with the images to take.")
@click.option("--extractor", required=True, metavar="URI", help="Folder that `fruit extractor build` made.")
@click.option("--engine", type=click.Choice(ENGINES), default="openvino")
def time_serial_command(**options: Any) -> Summary:
    """Time one plain process on the images of a run: the baseline of `fruit tune`.

    \b
    Example:
      python -m spark_job time-serial --like results/RUN_ID --results results --extractor extractors/lite0
    """
    from spark_job.analyses.tuning import measure_serial_process
    from spark_job.session import under_spark_submit

    if under_spark_submit():
        open_spark()  # YARN takes a driver without a session for a failure
    return measure_serial_process(**options)
