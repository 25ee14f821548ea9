"""`fruit extractor build`."""

import re
from pathlib import Path
from typing import Any

import click

from spark_job.commands.analyses import comma_separated


def height_and_width(value: str) -> tuple[int, int]:
    """Read `HEIGHTxWIDTH`, in pixels."""
    found = re.fullmatch(r"(\d+)x(\d+)", value)
    if not found:
        raise click.BadParameter(f"{value!r} is not HEIGHTxWIDTH in pixels, such as 224x224")
    return int(found[1]), int(found[2])


@click.command("build-extractor")
@click.argument("model")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the extractor.")
@click.option("--weights", help="A weights file (.h5), or `random` for weights that mean nothing.")
@click.option("--layer", help="For vgg16: fc2 (4,096 features) or flatten (25,088).  [default: pooled]")
@click.option(
    "--pooling", type=click.Choice(["avg", "max"]), help="Pooling of each feature map.  [default: avg]"
)
@click.option(
    "--dense",
    type=comma_separated(int),
    default="",
    metavar="INT,…",
    help="For vgg16: sizes of random dense layers on top of flatten, as 512,512.",
)
@click.option(
    "--size",
    type=height_and_width,
    metavar="HXW",
    help="Input size in pixels.  [default: 224x224; raw_pixels: 100x100]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides random weights.")
def build_extractor_command(model: str, out: Path, **options: Any) -> None:
    """Make an extractor folder for MODEL: mobilenet_v2, efficientnet_lite0, vgg16, resnet50, raw_pixels.

    \b
    Example:
      fruit extractor build efficientnet_lite0 --out extractors/efficientnet_lite0
    """
    from spark_job.extractors.build import build_extractor  # TensorFlow: 10 s, and only here

    specification = build_extractor(model, out, **options)
    print(f"{out}: {specification.name}, {specification.feature_length:,} features")
    print(f"fingerprint: {specification.fingerprint}")
    print(f"weights: {specification.weights.source} ({specification.weights.license})")
