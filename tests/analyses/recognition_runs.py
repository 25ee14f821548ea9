"""Runs to train on: photographs of plain colours, the tiny extractor, and a training of them."""

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from pyspark import SparkContext

from spark_job.analyses.training.analysis import train
from spark_job.analyses.training.softmax import Settings
from spark_job.contract.run_options import ComponentRequest, RunOptions
from spark_job.pipeline.run import run_pipeline
from spark_job.session import open_session

COLOURS = {"Apple": (200, 30, 40), "Lime": (120, 200, 60), "Plum": (90, 30, 130)}


def write_colours(folder: Path, images: int, spread: float = 25, seed: int = 0) -> Path:
    """`folder/CLASS/NUMBER.png`: each class about its own colour."""
    random = np.random.default_rng(seed)
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True)
        for number in range(images):
            quadrants = np.array(colour) + random.normal(0, spread, (2, 2, 3))
            pixels = np.clip(quadrants.repeat(8, 0).repeat(8, 1), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number:03}.png")
    return folder


def features_run(images: Path, results: Path, extractor: Path, run_id: str) -> str:
    """RESULTS/RUN_ID of a run of the pipeline that keeps four components."""
    options = RunOptions.checked(
        images=(str(images),),
        results=str(results),
        extractor=str(extractor),
        run_id=run_id,
        request=ComponentRequest(None, 4),
    )
    run_pipeline(options, lambda line: None, partial(open_session, "tests"))
    return str(results / run_id)


def spark() -> SparkContext:
    """The session that all tests share."""
    return open_session("tests").sparkContext


def train_on(features: str, results: Path, run_id: str, **others: object) -> Path:
    """The folder of a training."""
    settings = Settings(max_iterations=6)  # enough for plain colours
    train(features, str(results), spark, lambda line: None, run_id=run_id, settings=settings, **others)  # type: ignore[arg-type]
    return results / run_id
