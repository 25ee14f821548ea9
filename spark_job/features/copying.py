"""Rows of the previous run's features table, copied into this run's."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import SparkContext

from spark_job.arrow_arrays import numbers, values
from spark_job.contract.run_options import MEBIBYTE
from spark_job.features.extraction import FEATURES_SCHEMA, Tally
from spark_job.features.unchanged import REUSED_SCHEMA, TASKS_A_CORE
from spark_job.parquet_parts import part_uris, read_part, rows_within, write_part
from spark_job.storage import Folder

MAX_READ_BYTES = 32 * MEBIBYTE


def copy_features(
    spark: SparkContext, reused: Folder, previous: Sequence[str], destination: Folder, length: int
) -> Tally:
    """Copy whole rows with the label and split of the new listing, in parts behind those that are there.

    Args:
        reused: rows of REUSED_SCHEMA; each of its parts becomes one of the destination.
        previous: URIs of the parts of the previous run's table, which the rows refer to by number.
        length: of a feature vector.
    """
    first = len(part_uris(destination))
    tasks = list(enumerate(part_uris(reused), start=first))
    if not tasks:
        return Tally()

    def copy(task: tuple[int, str]) -> Tally:
        number, uri = task
        tally = Tally()
        batches = _counted(_copied(uri, previous, length), tally)
        write_part(destination, number, batches, FEATURES_SCHEMA, repeated=("label", "split", "error"))
        return tally

    task_count = min(len(tasks), TASKS_A_CORE * spark.defaultParallelism)
    return sum(spark.parallelize(tasks, task_count).map(copy).collect(), Tally())


def _counted(batches: Iterator[pa.RecordBatch], tally: Tally) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        labels: list[Any] = batch.column("label").to_pylist()
        tally.usable += Counter(labels)
        yield batch


def _copied(uri: str, previous: Sequence[str], length: int) -> Iterator[pa.RecordBatch]:
    """Yield the previous run's rows that one part of the table of reused rows names."""
    table = pa.Table.from_batches(read_part(uri, REUSED_SCHEMA.names), REUSED_SCHEMA)
    reused = table.combine_chunks().to_batches()[0]
    parts = values(reused.column("part"))
    for number in np.unique(parts).tolist():
        first, last = np.searchsorted(parts, [number, number + 1]).tolist()
        yield from _rows_of(previous[number], reused.slice(first, last - first), length)


def _rows_of(uri: str, reused: pa.RecordBatch, length: int) -> Iterator[pa.RecordBatch]:
    rows, start = values(reused.column("row")), 0
    for batch in read_part(uri, FEATURES_SCHEMA.names, rows_within(MAX_READ_BYTES, length, 4_096)):
        first, last = np.searchsorted(rows, [start, start + batch.num_rows]).tolist()
        if last > first:
            copied = batch.take(numbers(rows[first:last] - start))
            listed = reused.slice(first, last - first)
            yield pa.RecordBatch.from_arrays(
                [
                    (listed if name in ("label", "split") else copied).column(name)
                    for name in FEATURES_SCHEMA.names
                ],
                schema=FEATURES_SCHEMA,
            )
        start += batch.num_rows
