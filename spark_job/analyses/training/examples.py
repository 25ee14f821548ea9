"""The rows that a classifier learns from or is tested with: blocks that Spark keeps and deals out."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, TypeVar

import numpy as np
from pyspark import RDD, SparkContext, StorageLevel

from spark_job.analyses.source_run import VectorTable
from spark_job.images.listing import ListedFile, listed_files
from spark_job.session import tree_depth

MAX_SCORES = 4 * 1024**2  # a block has a number for each row and class, some times over: 32 MiB each

Total = TypeVar("Total")
# (label, split, path) -> (class, step), or None for an image that does not take part.
Choice = Callable[[str, str, str], tuple[int, int] | None]


@dataclass(frozen=True)
class Block:
    """Some rows, at most 32 MiB, and at most MAX_SCORES with one for each class.

    Attributes:
        rows: (n, d) float32.
        classes: (n,) int64, index into the class names.
        steps: (n,) int64, first step of the learning curve that takes the row.
    """

    rows: np.ndarray
    classes: np.ndarray
    steps: np.ndarray
    images: list[ListedFile]


class Examples:
    """The chosen rows of a table, in the memory of the executors and, beyond it, on their disks."""

    def __init__(self, spark: SparkContext, table: VectorTable, choose: Choice, classes: int) -> None:
        self._spark, most = spark, max(1, MAX_SCORES // classes)
        count = min(len(table.parts), spark.defaultParallelism)
        tasks = [list(table.parts[first::count]) for first in range(count)]
        blocks: RDD[Block] = spark.parallelize(tasks, count).flatMap(
            lambda uris: (block for uri in uris for block in _blocks(uri, table, choose, most))
        )
        self._blocks = blocks.persist(StorageLevel.MEMORY_AND_DISK)

    def total(self, function: Callable[[Any, Block], Total], model: Any, partial_bytes: int = 1) -> Total:
        """Sum `function(model, block)` over all blocks; sums meet as a tree, few at a time.

        Args:
            function: of a module, so that workers can import it.
            model: sent to each executor once.
            partial_bytes: about the size of one result.
        """
        shared = self._spark.broadcast(model)

        def partial(blocks: Iterable[Block]) -> Iterator[Total]:
            results = (function(shared.value, block) for block in blocks)
            for first in results:
                yield reduce(add, results, first)

        depth = tree_depth(self._blocks.getNumPartitions(), partial_bytes)
        try:
            together: Total = self._blocks.mapPartitions(partial).treeReduce(add, depth)
            return together
        finally:
            shared.destroy()

    def release(self) -> None:
        """Let Spark forget the rows."""
        self._blocks.unpersist()


def _blocks(uri: str, table: VectorTable, choose: Choice, most: int) -> Iterator[Block]:
    for batch, vectors in table.rows(uri):
        images = listed_files(batch)
        choices = [choose(image.label, image.split, image.path) for image in images]
        taken = [index for index, choice in enumerate(choices) if choice is not None]
        for first in range(0, len(taken), most):
            some = taken[first : first + most]
            classes, steps = np.array([choices[index] for index in some]).T
            rows = np.asarray(vectors[some], np.float32)
            yield Block(rows, classes, steps, [images[index] for index in some])
