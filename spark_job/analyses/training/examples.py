"""The rows that a classifier learns from or is tested with: blocks that Spark keeps and deals out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil, log
from operator import add
from typing import Any, TypeVar

import numpy as np
from pyspark import RDD, SparkContext, StorageLevel

from spark_job.analyses.source_run import SourceRun
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.features.table import read_usable
from spark_job.parquet_parts import part_uris
from spark_job.reduction.projection import ARRAY_COLUMN

# Of partials that meet in one place.
MAX_MERGED_BYTES = 256 * 1024**2
COLUMNS = ("path", "label", "split", "size")

Total = TypeVar("Total")
# (label, split, path) -> (class, step), or None for an image that does not take part.
Choice = Callable[[str, str, str], tuple[int, int] | None]


@dataclass(frozen=True)
class Vectors:
    """A table of vectors.

    Attributes:
        parts: URIs.
        column: that holds the vectors.
        length: of a vector.
    """

    parts: Sequence[str]
    column: str
    length: int


@dataclass(frozen=True)
class Block:
    """Some rows, at most 32 MiB.

    Attributes:
        rows: (n, d) float32.
        classes: (n,) int64, index into the class names.
        steps: (n,) int64, first step of the learning curve that takes the row.
        paths, sizes: of the images, in bytes.
    """

    rows: np.ndarray
    classes: np.ndarray
    steps: np.ndarray
    paths: list[str]
    sizes: list[int]


def features_of(run: SourceRun) -> Vectors:
    """Return the table of a run's features.

    Raises:
        MisuseError: the run has none, because it found no images.
    """
    return _vectors(run, layout.FEATURES, "features", run.metrics["features"]["length"])


def components_of(run: SourceRun) -> Vectors:
    """Return the table of a run's components.

    Raises:
        MisuseError: the run has none, because it found no images.
    """
    return _vectors(run, layout.COMPONENTS, ARRAY_COLUMN, run.metrics["reduction"]["components"])


def _vectors(run: SourceRun, table: str, column: str, length: int | None) -> Vectors:
    parts = part_uris(run.table(table))
    if not parts or not length:
        raise MisuseError(f"{run.uri} holds no {table}: it found no images; name a run that did")
    return Vectors(parts, column, length)


class Examples:
    """The chosen rows of a table, in the memory of the executors and, beyond it, on their disks."""

    def __init__(self, spark: SparkContext, table: Vectors, choose: Choice) -> None:
        self._spark = spark
        count = min(len(table.parts), spark.defaultParallelism)
        tasks = [list(table.parts[first::count]) for first in range(count)]
        blocks: RDD[Block] = spark.parallelize(tasks, count).flatMap(
            lambda uris: (block for uri in uris for block in _blocks(uri, table, choose))
        )
        self._blocks = blocks.persist(StorageLevel.MEMORY_AND_DISK)
        self._tasks = count

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
            first = next(results, None)
            return iter(()) if first is None else iter([reduce(add, results, first)])

        merged_at_once = max(2, min(16, MAX_MERGED_BYTES // partial_bytes))
        depth = max(1, ceil(log(self._tasks, merged_at_once))) if self._tasks > 1 else 1
        try:
            together: Total = self._blocks.mapPartitions(partial).treeReduce(add, depth)
            return together
        finally:
            shared.destroy()

    def release(self) -> None:
        """Let Spark forget the rows."""
        self._blocks.unpersist()


def _blocks(uri: str, table: Vectors, choose: Choice) -> Iterator[Block]:
    for kept, vectors in read_usable(uri, table.length, COLUMNS, table.column):
        paths, labels, splits, sizes = kept.select(COLUMNS).to_pydict().values()
        choices = [choose(*image) for image in zip(labels, splits, paths, strict=True)]
        taken = [index for index, choice in enumerate(choices) if choice is not None]
        if taken:
            chosen = np.array([choices[index] for index in taken])
            yield Block(
                np.asarray(vectors[taken], np.float32),
                chosen[:, 0],
                chosen[:, 1],
                [paths[index] for index in taken],
                [sizes[index] for index in taken],
            )
