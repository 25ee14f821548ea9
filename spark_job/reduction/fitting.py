"""The reduction of a features table: which way, within which memory."""

import tempfile
from collections.abc import Iterator
from functools import partial, reduce
from math import ceil
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from spark_job.errors import ReductionError
from spark_job.reduction.moments import Moments
from spark_job.reduction.principal_components import ComponentRequest, Reduction, reduce_moments
from spark_job.reduction.wide import reduce_rows

# d x d in float64: 200 MB, at most four at a time in the driver and two in a worker.
MAX_COVARIANCE_COLUMNS = 5_000
# n x n in float64: 800 MB, at most three at a time in the driver.
MAX_GRAM_ROWS = 10_000
# Of partials that meet in one place; each is 4 d^2 bytes.
MAX_MERGED_BYTES = 256 * 1024**2
PARTIALS_DDL = "moments binary"


def fit(features: DataFrame, rows: int, columns: int, request: ComponentRequest) -> Reduction:
    """Principal components of the usable rows of a features table.

    Args:
        features: has the column `features`, array<float> of length `columns`, never null.
        rows: how many there are.
        columns: feature length.
        request: what to keep.

    Raises:
        NoVarianceError, ReductionError: as in `reduce_moments`; or neither way fits in memory.
    """
    check_size(rows, columns)
    if columns <= MAX_COVARIANCE_COLUMNS:
        return reduce_moments(_moments(features, columns), request)
    with tempfile.TemporaryDirectory(prefix="reduction-") as scratch:
        return reduce_rows(_rows_on_disk(features, rows, columns, Path(scratch)), request)


def check_size(rows: int, columns: int) -> None:
    """Refuse what fits neither way.

    Raises:
        ReductionError: says what to do instead.
    """
    if columns > MAX_COVARIANCE_COLUMNS and rows > MAX_GRAM_ROWS:
        raise ReductionError(
            f"{rows:,} images with {columns:,} features each are too many for an exact reduction: up to "
            f"{MAX_COVARIANCE_COLUMNS:,} features go with any number of images, more features with up to "
            f"{MAX_GRAM_ROWS:,} images; use an extractor with pooling, or --sample {MAX_GRAM_ROWS}"
        )


def matrix(batch: pa.RecordBatch) -> np.ndarray:
    """The column `features` of a batch as (n, d) float32, without a copy."""
    column = batch.column("features")
    return np.asarray(column.flatten()).reshape(batch.num_rows, -1)


def _moments(features: DataFrame, columns: int) -> Moments:
    """Partials of the partitions, merged as a tree until few enough are left for the driver."""
    partials = features.select("features").mapInArrow(_partial_moments, PARTIALS_DDL)
    partitions = features.rdd.getNumPartitions()
    merged_at_once = max(2, min(16, MAX_MERGED_BYTES // (4 * columns**2)))
    while partitions > merged_at_once:
        partitions = ceil(partitions / merged_at_once)
        partials = partials.repartition(partitions).mapInArrow(
            partial(_merged, columns=columns), PARTIALS_DDL
        )
    return reduce(Moments.merge, (Moments.from_bytes(row[0], columns) for row in partials.collect()))


def _partial_moments(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from _as_rows(Moments.of(matrix(batch) for batch in batches if batch.num_rows))


def _merged(batches: Iterator[pa.RecordBatch], columns: int) -> Iterator[pa.RecordBatch]:
    merged: Moments | None = None
    for batch in batches:
        for data in batch.column("moments"):
            moments = Moments.from_bytes(data.as_py(), columns)
            merged = moments if merged is None else merged.merge(moments)
    yield from _as_rows(merged)


def _as_rows(moments: Moments | None) -> Iterator[pa.RecordBatch]:
    if moments is not None:
        yield pa.RecordBatch.from_pydict({"moments": pa.array([moments.to_bytes()], pa.binary())})


def _rows_on_disk(features: DataFrame, rows: int, columns: int, scratch: Path) -> np.ndarray:
    """The features as (rows, columns) float32, mapped from a file; rows come one partition at a time."""
    mapped = np.memmap(scratch / "rows", np.float32, mode="w+", shape=(rows, columns))
    encoded = features.select("features").mapInArrow(_rows_as_bytes, "row binary")
    for position, row in enumerate(encoded.toLocalIterator()):
        mapped[position] = np.frombuffer(row[0], np.float32)
    return mapped


def _rows_as_bytes(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if batch.num_rows:
            rows = [row.tobytes() for row in matrix(batch)]
            yield pa.RecordBatch.from_pydict({"row": pa.array(rows, pa.binary())})
