"""Contender (l), the limit of photographs: each step of one image alone, one process on each core.

The limit is what libjpeg-turbo's scaled decoding and the network take, and nothing else.
"""

import io
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

from benchmarks.peers.assignment import Assignment, PhotographFeatures, core_count, photographs_below
from spark_job.contract.run_options import ImageLimits
from spark_job.images.decoding import decode_picture
from spark_job.images.isolation import ENVIRONMENT
from spark_job.images.preparation import prepare
from spark_job.images.quality import measure

LIMIT = ("libjpeg-turbo scaled", "network")
TIMES_THE_INPUT = 3  # as the job chooses the scale
SCALES = (8, 4, 2, 1)
MOST_PHOTOGRAPHS = 150  # of each process


def run_steps(job: tuple[Path, list[Path]]) -> dict[str, float]:
    """Return the processor seconds that each step took for all photographs together."""
    extractor, paths = job
    features = PhotographFeatures(extractor)
    needed = features.specification.height, features.specification.width
    enough = [TIMES_THE_INPUT * side for side in needed]
    tensor = np.zeros((1, *needed, 3), np.float32)
    seconds = defaultdict[str, float](float)

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        started = time.process_time()
        yield
        seconds[step] += time.process_time() - started

    for path in paths:
        with timed("read"):
            content = path.read_bytes()
        with timed("decode"):
            picture = decode_picture(content, ImageLimits(), needed)
        with timed("prepare"):
            prepare(picture.pixels, features.specification, tensor[0])
        with timed("measure quality"):
            measure(picture)
        with timed("network"):
            features.engine.features(tensor)
        with timed(LIMIT[0]):
            height, width, *_ = simplejpeg.decode_jpeg_header(content)
            scale = next(
                s for s in SCALES if s == 1 or (height // s >= enough[0] and width // s >= enough[1])
            )
            least = {"min_height": ceil(height / scale), "min_width": ceil(width / scale), "min_factor": 1}
            simplejpeg.decode_jpeg(content, **least)
        with timed("Pillow draft"), Image.open(io.BytesIO(content)) as image:
            image.draft("RGB", (enough[1], enough[0]))
            np.asarray(image)
    return seconds


def main() -> None:
    """Measure on every core at once; leave core-milliseconds an image by step, and the limit's rate."""
    assignment, cores = Assignment.from_arguments(), core_count()
    paths = photographs_below(assignment.images)[: MOST_PHOTOGRAPHS * cores]
    jobs = [(assignment.extractor, paths[core::cores]) for core in range(cores)]
    os.environ.update(ENVIRONMENT)  # else libraries start threads that the job's decoder does not have
    with get_context("spawn").Pool(cores) as pool:
        seconds = pool.map(run_steps, jobs, chunksize=1)
    steps = {step: 1000 * sum(each[step] for each in seconds) / len(paths) for step in seconds[0]}
    limit = 1000 * cores / sum(steps[step] for step in LIMIT)
    assignment.write_facts({"images_per_second": limit, "core_milliseconds": steps})


if __name__ == "__main__":
    main()
