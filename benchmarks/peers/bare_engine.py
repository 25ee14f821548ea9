"""Contender (a), the limit: the engine alone on photographs decoded in RAM, one process a core."""

import time
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np

from benchmarks.peers.assignment import Assignment, PhotographFeatures, core_count, photographs_below

# 150 MB of tensors for each process: far more than any cache holds.
TENSORS_IN_RAM = 256
WARM_UP_IMAGES = 20


def run_engine(job: tuple[Path, list[Path], int]) -> tuple[float, float]:
    """Prepare photographs, wait for the others, run the network `count` times; return start and end."""
    extractor, paths, count = job
    features = PhotographFeatures(extractor)
    size = features.specification.height, features.specification.width
    tensors = np.empty((len(paths), *size, 3), np.float32)
    for tensor, path in zip(tensors, paths, strict=True):
        features.prepare(path.read_bytes(), tensor)
    for number in range(WARM_UP_IMAGES):
        features.engine.features(tensors[number % len(paths)][None])
    _barrier.wait()
    started = time.monotonic()
    for number in range(count):
        features.engine.features(tensors[number % len(paths)][None])
    return started, time.monotonic()


_barrier: Barrier


def _share_barrier(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def main() -> None:
    """Run the engine on as many images as the folder holds; leave the rate."""
    assignment = Assignment.from_arguments()
    paths, cores = photographs_below(assignment.images), core_count()
    context = get_context("spawn")
    jobs = [
        (assignment.extractor, paths[core::cores][:TENSORS_IN_RAM], len(paths[core::cores]))
        for core in range(cores)
    ]
    with context.Pool(cores, _share_barrier, (context.Barrier(cores),)) as pool:
        times = pool.map(run_engine, jobs, chunksize=1)
    seconds = max(end for _, end in times) - min(start for start, _ in times)
    assignment.write_facts({"images_per_second": len(paths) / seconds})


if __name__ == "__main__":
    main()
