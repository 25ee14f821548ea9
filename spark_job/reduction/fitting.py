"""The reduction of a features table: which way, within which memory."""

import tempfile
from collections.abc import Sequence
from math import ceil, log
from pathlib import Path

import numpy as np
from pyspark import RDD, SparkContext

from spark_job.contract.run_options import ComponentRequest
from spark_job.errors import ReductionError
from spark_job.features.table import read_usable
from spark_job.reduction.principal_components import Moments, Reduction, reduce_moments, reduce_rows

# d x d in float64: 200 MB, at most four at a time in the driver and two in a worker.
MAX_COVARIANCE_COLUMNS = 5_000
# n x n in float64: 800 MB, at most three at a time in the driver.
MAX_GRAM_ROWS = 10_000
# Of partials that meet in one place; each is 4 d^2 bytes.
MAX_MERGED_BYTES = 256 * 1024**2
# More would be evener shares, and more partials to merge.
TASKS_A_CORE = 2


def fit(
    spark: SparkContext, parts: Sequence[str], rows: int, columns: int, request: ComponentRequest
) -> Reduction:
    """Fit principal components to the usable rows of a features table.

    Args:
        parts: URIs of the table's parts.
        rows: how many usable rows there are.
        columns: feature length.

    Raises:
        NoVarianceError, ReductionError: as in `reduce_moments`; or neither way fits in memory.
    """
    check_size(rows, columns)
    if columns <= MAX_COVARIANCE_COLUMNS:
        return reduce_moments(moments(spark, parts, columns), request)
    with tempfile.TemporaryDirectory(prefix="reduction-") as scratch:
        return reduce_rows(_rows_on_disk(parts, rows, columns, Path(scratch)), request)


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


def moments(spark: SparkContext, parts: Sequence[str], columns: int) -> Moments:
    """Count, mean and scatter of all usable rows; partials meet as a tree, few at a time."""
    partials = deal(spark, parts).map(
        lambda uris: Moments.of(rows for uri in uris for _, rows in read_usable(uri, columns))
    )
    merged_at_once = max(2, min(16, MAX_MERGED_BYTES // (4 * columns**2)))
    depth = max(1, ceil(log(partials.getNumPartitions(), merged_at_once)))
    together = partials.treeReduce(merged, depth)
    if together is None:
        raise ReductionError("no image of the table has features: there is nothing to reduce")
    return together


def deal(spark: SparkContext, parts: Sequence[str]) -> RDD[list[str]]:
    """Deal the parts of a table out to tasks, each a partition with one list."""
    shares = np.array_split(np.array(parts), min(len(parts), TASKS_A_CORE * spark.defaultParallelism))
    return spark.parallelize([share.tolist() for share in shares], len(shares))


def merged(one: Moments | None, other: Moments | None) -> Moments | None:
    """Both together; a part may have no usable rows."""
    return one.merge(other) if one and other else one or other


def _rows_on_disk(parts: Sequence[str], rows: int, columns: int, scratch: Path) -> np.ndarray:
    """Return the features as (rows, columns) float32, mapped from a file."""
    mapped = np.memmap(scratch / "rows", np.float32, mode="w+", shape=(rows, columns))
    filled = 0
    for uri in parts:
        for _, features in read_usable(uri, columns):
            mapped[filled : filled + len(features)] = features
            filled += len(features)
    return mapped
