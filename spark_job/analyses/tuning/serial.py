"""The featurization as one plain serial process: the baseline of executors and cores."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from spark_job.analyses.analysis_run import AnalysisRun, Summary
from spark_job.analyses.source_run import SourceRun
from spark_job.contract.extractor_files import ENGINE_FILES
from spark_job.contract.run_layout import LISTING
from spark_job.contract.run_options import ImageLimits
from spark_job.contract.uris import normalise
from spark_job.errors import ImageRejectedError
from spark_job.extractors.folder import Extractor
from spark_job.features.engines import load_engine
from spark_job.images.decoding import decode_picture
from spark_job.images.listing import ListedFile, read_listing
from spark_job.images.preparation import prepare
from spark_job.images.reading import Pace, read_image
from spark_job.report.document import Document
from spark_job.storage import Folder


def measure_serial_process(
    like: str, results: str, extractor: str, engine: str, run_id: str | None = None
) -> Summary:
    """Time one plain process on the images of the run `like`, and write a run of its own."""
    source = SourceRun.open(like)
    parameters = {"like": source.uri, "extractor": extractor, "engine": engine}
    analysis = AnalysisRun("time-serial", results, [source], parameters, run_id)
    files = [file for file in read_listing(source.folder.at(LISTING)) if file.skipped is None]
    usable, seconds = time_serially(files, Extractor.open(Folder(normalise(extractor))), engine)
    images, rejected = len(files), len(files) - usable
    speed = images / seconds  # rejected images count: they were read as well
    document = Document(
        "One serial process",
        "Read, decode, prepare and extract, one image after the other, on one core",
        {"Images": f"{images:,}", "Seconds": f"{seconds:.1f}", "Images a second": f"{speed:,.0f}"},
        sections=(),
    )
    metrics = {"images": {"usable": usable, "rejected": rejected}, "features": {"images_per_second": speed}}
    findings = [
        ("images", f"{images:,} = {usable:,} usable + {rejected:,} rejected"),
        ("speed", f"{speed:,.0f} images/s in one process, {seconds:.1f} s"),
    ]
    return analysis.finish(metrics, document, findings)


def time_serially(files: Sequence[ListedFile], extractor: Extractor, engine: str) -> tuple[int, float]:
    """Read, decode, prepare and extract one image after the other, on one core, and drop the features.

    Returns:
        How many were usable, and the wall time in seconds, from loading the network to the last image.

    Raises:
        ExtractorError: the network cannot be loaded.
        obstore's BaseError: S3 does not answer.
    """
    specification, limits, usable = extractor.specification, ImageLimits(), 0
    read = Pace(partial(read_image, limits=limits))
    tensor = np.empty((1, specification.height, specification.width, 3), np.float32)
    with tempfile.TemporaryDirectory(prefix="spark-job-") as scratch:
        fetched = {name: extractor.fetch(name, into=Path(scratch)) for name in ENGINE_FILES[engine]}
        started = time.monotonic()
        network = load_engine(fetched, specification, engine, "f32")
        for file in files:
            with suppress(ImageRejectedError):
                content = read(file)
                if isinstance(content, ImageRejectedError):
                    continue
                picture = decode_picture(content, limits, (specification.height, specification.width))
                prepare(picture.pixels, specification, tensor[0])
                network.features(tensor)
                usable += 1
        return usable, time.monotonic() - started
