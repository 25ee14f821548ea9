"""Rows of an earlier run's features table, copied into this one's."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import SparkContext

from spark_job.arrow_arrays import numbers, values
from spark_job.contract.run_options import MEBIBYTE
from spark_job.features.extraction import FEATURES_SCHEMA, Tally
from spark_job.features.unchanged import TAKEN_SCHEMA, TASKS_A_CORE
from spark_job.parquet_parts import part_uris, read_part, rows_within, write_part
from spark_job.storage import Folder

MAX_READ_BYTES = 32 * MEBIBYTE


def copy_features(
    spark: SparkContext, taken: Folder, earlier: Sequence[str], destination: Folder, length: int
) -> Tally:
    """Copy rows whole, with their label and split of today; parts are added behind those that are there.

    Args:
        taken: rows of TAKEN_SCHEMA; each of its parts becomes one of the destination.
        earlier: the parts that they number.
        length: of a feature vector.
    """
    first = len(part_uris(destination))
    tasks = list(enumerate(part_uris(taken), start=first))
    if not tasks:
        return Tally()

    def copy(task: tuple[int, str]) -> Tally:
        number, uri = task
        tally = Tally()
        batches = _counted(_copied(uri, earlier, length), tally)
        write_part(destination, number, batches, FEATURES_SCHEMA, repeated=("label", "split", "error"))
        return tally

    task_count = min(len(tasks), TASKS_A_CORE * spark.defaultParallelism)
    return sum(spark.parallelize(tasks, task_count).map(copy).collect(), Tally())


def _counted(batches: Iterator[pa.RecordBatch], tally: Tally) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        labels: list[Any] = batch.column("label").to_pylist()
        tally.usable += Counter(labels)
        yield batch


def _copied(uri: str, earlier: Sequence[str], length: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows that one part of the taken table names, part after part."""
    table = pa.Table.from_batches(read_part(uri, TAKEN_SCHEMA.names), TAKEN_SCHEMA)
    taken = table.combine_chunks().to_batches()[0]
    parts = values(taken.column("part"))
    for number in np.unique(parts).tolist():
        first, last = np.searchsorted(parts, [number, number + 1]).tolist()
        yield from _rows_of(earlier[number], taken.slice(first, last - first), length)


def _rows_of(uri: str, taken: pa.RecordBatch, length: int) -> Iterator[pa.RecordBatch]:
    rows, start = values(taken.column("row")), 0
    for batch in read_part(uri, FEATURES_SCHEMA.names, rows_within(MAX_READ_BYTES, length, 4_096)):
        first, last = np.searchsorted(rows, [start, start + batch.num_rows]).tolist()
        if last > first:
            mine = batch.take(numbers(rows[first:last] - start))
            today = taken.slice(first, last - first)
            yield pa.RecordBatch.from_arrays(
                [
                    (today if name in ("label", "split") else mine).column(name)
                    for name in FEATURES_SCHEMA.names
                ],
                schema=FEATURES_SCHEMA,
            )
        start += batch.num_rows
