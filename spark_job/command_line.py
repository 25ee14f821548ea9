"""The command line: the only place that reads arguments, prints errors and exits."""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from spark_job import __version__
from spark_job.errors import JobError
from spark_job.features.engines import ENGINES, PRECISIONS
from spark_job.images.limits import ImageLimits
from spark_job.images.names import IMAGE_EXTENSIONS
from spark_job.pipeline.options import RunOptions
from spark_job.python_daemon import make_ready
from spark_job.reduction.principal_components import ComponentRequest
from spark_job.session import begin_session

DEFAULT_LIMITS = ImageLimits()


class CommaSeparated(click.ParamType[tuple[Any, ...]]):
    """`a,b,c`; each part converted."""

    def __init__(self, convert: type = str) -> None:
        self._convert, self.name = convert, f"{convert.__name__},…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A tuple of the parts."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self._convert(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            self.fail(f"{value!r} is not a list of {self._convert.__name__} separated by commas")


class Size(click.ParamType[tuple[int, int]]):
    """`HxW`."""

    name = "HxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """(height, width) in pixels."""
        found = re.fullmatch(r"(\d+)x(\d+)", str(value))
        if not found:
            self.fail(f"{value!r} is not HEIGHTxWIDTH in pixels, such as 224x224")
        return int(found[1]), int(found[2])


@click.group(context_settings={"max_content_width": 110, "help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Photographs become feature vectors, principal components and a report.

    \b
    Example, without any download:
      python -m spark_job build-extractor efficientnet_lite0 --out extractors/lite0
      python -m spark_job run --images photos --results results --extractor extractors/lite0
    """


@cli.command("build-extractor")
@click.argument("model")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to make.")
@click.option("--weights", help="A weights file (.h5), or `random` for weights that mean nothing.")
@click.option("--layer", help="vgg16: fc2 (4,096 features) or flatten (25,088); default: pooled.")
@click.option("--pooling", type=click.Choice(["avg", "max"]), help="Global pooling; default avg.")
@click.option(
    "--dense",
    type=CommaSeparated(int),
    default=(),
    help="vgg16: dense layers on top of flatten, as 512,512; random.",
)
@click.option("--size", type=Size(), help="Input size; default 224x224, raw_pixels 100x100.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of random weights.")
def build_extractor_command(model: str, out: Path, **options: Any) -> None:
    """Make an extractor folder for MODEL: mobilenet_v2, efficientnet_lite0, vgg16, resnet50, raw_pixels.

    \b
    Example:
      python -m spark_job build-extractor mobilenet_v2 --out extractors/mobilenet_v2
    """
    from spark_job.extractors.build import build_extractor  # TensorFlow: 10 s, and only here

    specification = build_extractor(model, out, **options)
    print(f"{out}: {specification.name}, {specification.feature_length:,} features")
    print(f"weights: {specification.weights.source} ({specification.weights.license})")


@cli.command("run")
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


def main() -> None:
    """Run the command; exit 0, 1 (failure) or 2 (misuse) with one line that says what to do."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        _fail(" ".join(error.format_message().split()), error.exit_code)
    except click.Abort:
        _fail("stopped; go on with --resume and the same --run-id", 130)
    except JobError as error:
        _fail(str(error), error.exit_code)


def _fail(message: str, exit_code: int) -> None:
    print(f"Error: {message}", file=sys.stderr)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
