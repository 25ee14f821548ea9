"""Moments of growing samples of a features table: so many images of each class, drawn by seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pyspark import SparkContext

from spark_job.features.table import read_usable
from spark_job.images.sampling import draw
from spark_job.parquet_parts import read_part
from spark_job.reduction.fitting import TASKS_A_CORE, merged
from spark_job.reduction.moments import Moments

Draws = dict[str, list[int]]  # class -> its smallest draws, ascending
NAMES = ("path", "label")


@dataclass(frozen=True)
class Growth:
    """How samples grow.

    Attributes:
        per_class: images of each class, ascending; a class with fewer gives all it has.
        seed: decides which; the smaller sample is part of the larger one.
    """

    per_class: tuple[int, ...]
    seed: int


def sample_moments(spark: SparkContext, parts: Sequence[str], columns: int, growth: Growth) -> list[Moments]:
    """Return the moments of each sample of `growth`, in two passes over the table.

    Each pass holds a partial of 4 d^2 bytes for each size of sample in a worker.

    Args:
        parts: URIs of the features table's parts.
        columns: feature length, d.
    """
    tasks = np.array_split(np.array(parts), min(len(parts), TASKS_A_CORE * spark.defaultParallelism))
    dealt = spark.parallelize(tasks, len(tasks))
    largest = growth.per_class[-1]
    smallest: Draws = dealt.map(lambda uris: _smallest_draws(uris.tolist(), growth.seed, largest)).treeReduce(
        lambda one, other: _fewest(one, other, largest)
    )
    ends = spark.broadcast({label: _ends(draws, growth.per_class) for label, draws in smallest.items()})
    rings = dealt.map(lambda uris: _ring_moments(uris.tolist(), columns, growth, ends.value)).treeReduce(
        lambda one, other: [merged(*pair) for pair in zip(one, other, strict=True)]
    )
    return _nested(rings)


def _smallest_draws(uris: list[str], seed: int, most: int) -> Draws:
    draws_by_class: dict[str, list[int]] = {}
    for uri in uris:
        for batch in read_part(uri, (*NAMES, "error")):
            usable = batch.filter(batch.column("error").is_null())
            paths, labels = usable.select(NAMES).to_pydict().values()
            for path, label in zip(paths, labels, strict=True):
                draws_by_class.setdefault(label, []).append(draw(seed, path))
    return {label: sorted(draws)[:most] for label, draws in draws_by_class.items()}


def _fewest(one: Draws, other: Draws, most: int) -> Draws:
    return {
        label: sorted(one.get(label, []) + other.get(label, []))[:most] for label in one.keys() | other.keys()
    }


def _ends(draws: list[int], per_class: tuple[int, ...]) -> list[int]:
    """Return the largest draw of each sample."""
    return [draws[min(count, len(draws)) - 1] for count in per_class]


def _ring_moments(
    uris: list[str], columns: int, growth: Growth, ends: dict[str, list[int]]
) -> list[Moments | None]:
    """Return the moments of the images that each sample adds to the smaller one before it."""
    rings: list[Moments | None] = [None] * len(growth.per_class)
    for uri in uris:
        for names, rows in read_usable(uri, columns, NAMES):
            paths, labels = names.select(NAMES).to_pydict().values()
            drawn = [draw(growth.seed, path) for path in paths]
            ring = np.array(
                [sum(one > end for end in ends[label]) for one, label in zip(drawn, labels, strict=True)]
            )
            for number in range(len(rings)):
                rings[number] = merged(rings[number], Moments.of([rows[ring == number]]))
    return rings


def _nested(rings: Sequence[Moments | None]) -> list[Moments]:
    together: Moments | None = None
    samples = []
    for ring in rings:
        together = merged(together, ring)
        if together is not None:
            samples.append(together)
    return samples
