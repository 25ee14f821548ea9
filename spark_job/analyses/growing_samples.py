"""Moments of growing samples of a features table: so many images of each class, drawn by seed."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from pyspark import SparkContext

from spark_job.analyses.source_run import VectorTable
from spark_job.analyses.training.division import by_class, draws_of
from spark_job.features.table import read_usable
from spark_job.images.sampling import draw
from spark_job.reduction.principal_components import Moments
from spark_job.reduction.tables import deal, merged

NAMES = ("path", "label")


def sample_moments(
    spark: SparkContext, table: VectorTable, per_class: Sequence[int], seed: int
) -> list[Moments]:
    """Return the moments of each sample, a part of the next larger one, in two passes over the table.

    A worker holds a partial of 4 d^2 bytes for each size of sample.

    Args:
        per_class: images of each class in a sample, ascending; a class with fewer gives all it has.
        seed: decides which.
    """
    # class -> the largest draw of each sample
    ends = spark.broadcast(
        {
            label: [int(draws[min(count, len(draws)) - 1]) for count in per_class]
            for label, draws in by_class(draws_of(spark, table, seed)).items()
        }
    )

    def rings(uris: list[str]) -> list[Moments | None]:
        """Return the moments of the images that each sample adds to the smaller one before it."""
        added: list[Moments | None] = [None] * len(per_class)
        for uri in uris:
            for names, rows in read_usable(uri, table.length, NAMES, label=table.label):
                images = zip(*names.select(NAMES).to_pydict().values(), strict=True)
                ring = np.array([bisect_left(ends.value[label], draw(seed, path)) for path, label in images])
                for number, before in enumerate(added):
                    added[number] = merged(before, Moments.of([rows[ring == number]]))
        return added

    found = (
        deal(spark, table.parts)
        .map(rings)
        .treeReduce(lambda one, other: [merged(*pair) for pair in zip(one, other, strict=True)])
    )
    return [sample for sample in accumulate(found, merged) if sample is not None]
