"""Moments of growing samples of a features table: so many images of each class, drawn by seed."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from pyspark import SparkContext

from spark_job.features.table import read_labelled, read_usable
from spark_job.images.labels import LABEL
from spark_job.images.sampling import draw
from spark_job.reduction.principal_components import Moments
from spark_job.reduction.tables import deal, merged

Draws = dict[str, list[int]]  # class -> its smallest draws, ascending
NAMES = ("path", "label")


def sample_moments(
    spark: SparkContext,
    parts: Sequence[str],
    columns: int,
    per_class: Sequence[int],
    seed: int,
    label_column: str = LABEL,
) -> list[Moments]:
    """Return the moments of each sample, a part of the next larger one, in two passes over the table.

    Each pass holds a partial of 4 d^2 bytes for each size of sample in a worker.

    Args:
        parts: URIs of the features table's parts.
        columns: feature length, d.
        per_class: images of each class in a sample, ascending; a class with fewer gives all it has.
        seed: decides which.
        label_column: says the class.
    """
    dealt, largest = deal(spark, parts), per_class[-1]
    smallest: Draws = dealt.map(lambda uris: _smallest_draws(uris, seed, largest, label_column)).treeReduce(
        lambda one, other: {
            label: sorted(one.get(label, []) + other.get(label, []))[:largest] for label in one | other
        }
    )
    # class -> the largest draw of each sample
    ends = spark.broadcast(
        {
            label: [draws[min(count, len(draws)) - 1] for count in per_class]
            for label, draws in smallest.items()
        }
    )
    rings = dealt.map(
        lambda uris: _ring_moments(uris, columns, len(per_class), seed, ends.value, label_column)
    ).treeReduce(lambda one, other: [merged(*pair) for pair in zip(one, other, strict=True)])
    together, samples = None, []
    for ring in rings:
        together = merged(together, ring)
        if together is not None:
            samples.append(together)
    return samples


def _smallest_draws(uris: list[str], seed: int, most: int, label_column: str) -> Draws:
    draws_by_class: Draws = {}
    for uri in uris:
        for batch in read_labelled(uri, (*NAMES, "error"), label_column):
            usable = batch.filter(batch.column("error").is_null())
            for path, label in zip(*usable.select(NAMES).to_pydict().values(), strict=True):
                draws_by_class.setdefault(label, []).append(draw(seed, path))
    return {label: sorted(draws)[:most] for label, draws in draws_by_class.items()}


def _ring_moments(
    uris: list[str], columns: int, size_count: int, seed: int, ends: dict[str, list[int]], label_column: str
) -> list[Moments | None]:
    """Return the moments of the images that each sample adds to the smaller one before it."""
    rings: list[Moments | None] = [None] * size_count
    for uri in uris:
        for names, rows in read_usable(uri, columns, NAMES, label=label_column):
            images = zip(*names.select(NAMES).to_pydict().values(), strict=True)
            ring = np.array([bisect_left(ends[label], draw(seed, path)) for path, label in images])
            for number in range(size_count):
                rings[number] = merged(rings[number], Moments.of([rows[ring == number]]))
    return rings
