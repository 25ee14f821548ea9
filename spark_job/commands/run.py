"""`run`."""

import sys
from datetime import UTC, datetime
from typing import Any

import click

from spark_job.commands.parameter_types import CommaSeparated
from spark_job.contract.extractor_files import ENGINES, PRECISIONS
from spark_job.contract.image_names import IMAGE_EXTENSIONS
from spark_job.images.limits import ImageLimits
from spark_job.pipeline.options import REMOVED, RunOptions
from spark_job.python_daemon import make_ready
from spark_job.reduction.principal_components import ComponentRequest
from spark_job.session import begin_session

DEFAULT_LIMITS = ImageLimits()


@click.command("run")
@click.option(
    "--images", multiple=True, required=True, metavar="URI", help="Folder or s3://BUCKET/PREFIX; repeatable."
)
@click.option("--results", required=True, metavar="URI", help="Where RUN_ID/ is made.")
@click.option("--extractor", required=True, metavar="URI", help="Folder that build-extractor made.")
@click.option(
    "--variance",
    type=click.FloatRange(0, 1, min_open=True),
    help="Keep the components that hold this share of the variance.  [default: 0.80]",
)
@click.option("--components", type=click.IntRange(1), metavar="K", help="Keep K components instead.")
@click.option(
    "--standardize/--no-standardize",
    default=True,
    show_default=True,
    help="Scale features to variance 1; the mean is removed in either case.",
)
@click.option(
    "--reduction", metavar="RUN", help="Apply the PCA of this earlier RESULTS/RUN_ID instead of fitting."
)
@click.option(
    "--previous",
    metavar="RUN",
    help="Take the features of unchanged images from this earlier RESULTS/RUN_ID; `latest`: the newest of "
    "the same sources in --results, if there is one.",
)
@click.option(
    "--removed",
    type=click.Choice(REMOVED),
    default="drop",
    show_default=True,
    help="What becomes of images of --previous that are gone from the sources.",
)
@click.option(
    "--classes",
    type=CommaSeparated(),
    default=(),
    metavar="PATTERN,…",
    help="Only classes that match, as 'Apple*,Banana'.",
)
@click.option(
    "--sample-per-class", type=click.IntRange(1), metavar="N", help="At most N images of each class."
)
@click.option("--sample", type=click.IntRange(1), metavar="N", help="N images in all, balanced over classes.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides which images a sample takes.")
@click.option("--engine", type=click.Choice(ENGINES), default="openvino", show_default=True)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="f32",
    show_default=True,
    help="bf16 is faster on processors that have it, and less exact.",
)
@click.option("--run-id", metavar="ID", help="Name of the run's folder.  [default: date and time]")
@click.option("--all-files", is_flag=True, help=f"Try every file, not only {' '.join(IMAGE_EXTENSIONS)}.")
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=DEFAULT_LIMITS.max_pixels,
    show_default=True,
    help="Reject larger images, by their header.",
)
@click.option(
    "--max-bytes",
    type=click.IntRange(1),
    default=DEFAULT_LIMITS.max_bytes,
    show_default=True,
    help="Reject larger files unread.",
)
@click.option(
    "--max-seconds",
    type=click.FloatRange(0, min_open=True),
    default=DEFAULT_LIMITS.max_seconds,
    show_default=True,
    help="Reject an image that takes longer to decode.",
)
@click.option("--allow-empty", is_flag=True, help="No images is a success with nothing to do.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with an unfinished run of the same parameters; a complete one is a success.",
)
def run_command(
    variance: float | None,
    components: int | None,
    standardize: bool,
    run_id: str | None,
    max_pixels: int,
    max_bytes: int,
    max_seconds: float,
    **options: Any,
) -> None:
    """Images to features, PCA and report, in RESULTS/RUN_ID/.

    \b
    Example:
      python -m spark_job run --images photos --results results --extractor extractors/mobilenet_v2
    """
    if variance is not None and components is not None:
        raise click.UsageError("--variance and --components exclude each other: give one")
    checked = RunOptions.checked(
        run_id=run_id or datetime.now(UTC).strftime("%Y%m%d-%H%M%S"),
        request=ComponentRequest(None if components else variance or 0.80, components, standardize),
        limits=ImageLimits(max_pixels, max_bytes, max_seconds),
        **options,
    )
    print(f"run {checked.run_id}", file=sys.stderr)
    session = begin_session("spark_job", in_each_worker=make_ready)
    from spark_job.pipeline.run import run_pipeline  # its libraries import while Java starts
    from spark_job.pipeline.summary import summary

    run_pipeline(checked, session=session, say=lambda line: print(line, file=sys.stderr, flush=True))
    print(summary(checked))
