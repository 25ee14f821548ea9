"""The reduction of tables: fitted on features, which way and within which memory, and applied to them."""

import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import RDD, SparkContext

from spark_job.arrow_tables import numbers, read_part, vectors, write_csv, write_part
from spark_job.contract.run_options import ComponentRequest
from spark_job.errors import ReductionError
from spark_job.features.table import label_columns, matrix, read_usable
from spark_job.images.listing import IMAGE_COLUMNS
from spark_job.reduction.drift import Profile
from spark_job.reduction.mllib_files import OUTPUT_COLUMN, VECTOR, dense_vectors, spark_schema
from spark_job.reduction.principal_components import Moments, Reduction, reduce_moments, reduce_rows
from spark_job.session import sum_over_tasks, tree_depth
from spark_job.storage import Folder

MAX_COVARIANCE_COLUMNS = 5_000  # d x d float64, 200 MB: at most four in the driver and two in a worker
MAX_GRAM_ROWS = 10_000  # n x n in float64: 800 MB, at most three at a time in the driver
TASKS_A_CORE = 2  # more would be evener shares, and more partials to merge
ARRAY_COLUMN = "components_array"
COMPONENTS_COLUMNS: dict[str, str | dict[str, Any]] = {
    **dict.fromkeys(("path", "label", "split"), "string"),
    "size": "long",
    ARRAY_COLUMN: "doubles",
    OUTPUT_COLUMN: VECTOR,
}


def fit(
    spark: SparkContext, parts: Sequence[str], rows: int, columns: int, request: ComponentRequest
) -> Reduction:
    """Fit principal components to the usable rows of a table; ReductionError: there is not memory enough."""
    check_size(rows, columns)
    if columns <= MAX_COVARIANCE_COLUMNS:
        return reduce_moments(moments(spark, parts, columns), request)
    with tempfile.TemporaryDirectory(prefix="reduction-") as scratch:
        mapped = np.memmap(Path(scratch) / "rows", np.float32, mode="w+", shape=(rows, columns))
        filled = 0
        for _, features in chain.from_iterable(read_usable(uri, columns) for uri in parts):
            mapped[filled : filled + len(features)] = features
            filled += len(features)
        return reduce_rows(mapped, request)


def check_size(rows: int, columns: int) -> None:
    """Refuse what fits neither way; the ReductionError says what to do instead."""
    if columns > MAX_COVARIANCE_COLUMNS and rows > MAX_GRAM_ROWS:
        raise ReductionError(
            f"{rows:,} images with {columns:,} features each are too many for an exact reduction: up to "
            f"{MAX_COVARIANCE_COLUMNS:,} features go with any number of images, more features with up to "
            f"{MAX_GRAM_ROWS:,} images; use an extractor with pooling, or --sample {MAX_GRAM_ROWS}"
        )


def moments(spark: SparkContext, parts: Sequence[str], columns: int) -> Moments:
    """Compute count, mean and scatter of all usable rows; partials, 4 d^2 bytes each, meet as a tree."""
    partials = deal(spark, parts).map(
        lambda uris: Moments.of(rows for uri in uris for _, rows in read_usable(uri, columns))
    )
    together = partials.treeReduce(merged, tree_depth(partials.getNumPartitions(), 4 * columns**2))
    if together is None:
        raise ReductionError("no image of the table has features: there is nothing to reduce")
    return together


def deal(spark: SparkContext, parts: Sequence[str]) -> RDD[list[str]]:
    """Deal the parts of a table out to tasks, each a partition with one list."""
    shares = np.array_split(np.array(parts), min(len(parts), TASKS_A_CORE * spark.defaultParallelism))
    return spark.parallelize([share.tolist() for share in shares], len(shares))


def merged(one: Moments | None, other: Moments | None) -> Moments | None:
    """Return the moments of both together; None stands for a part without usable rows."""
    return one.merge(other) if one and other else one or other


def write_components(
    spark: SparkContext,
    parts: Sequence[str],
    reduction: Reduction,
    destination: Folder,
    profiled: int | None = None,
) -> Profile:
    """Project the usable rows and store them; return the profile of the first `profiled` parts, or of all."""
    destination.clear()
    shared, more = spark.broadcast(reduction), label_columns(parts[0])
    schema = spark_schema({**COMPONENTS_COLUMNS, **dict.fromkeys(more, "string")})
    described = 0 if reduction.variances is None else len(parts) if profiled is None else profiled

    def write(task: tuple[int, str]) -> Profile:
        number, uri = task
        profiles = [Profile.empty(shared.value.component_count)]
        batches = _projected(uri, shared.value, schema, profiles if number < described else None)
        write_part(destination, number, batches, schema, repeated=("label", "split", *more))
        return profiles[0]

    return sum_over_tasks(spark, list(enumerate(parts)), write)


def _projected(
    uri: str, reduction: Reduction, schema: pa.Schema, profile: list[Profile] | None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a part as the schema has them; add to the profile, if there is one."""
    more = schema.names[len(COMPONENTS_COLUMNS) :]
    for kept, rows in read_usable(uri, reduction.mean.size, (*IMAGE_COLUMNS, *more)):
        centred = reduction.centred(rows)
        components = centred @ reduction.loadings
        if profile is not None and reduction.variances is not None:
            profile[0] += Profile.of(centred, components, reduction.variances)
        images, labels = kept.columns[: len(IMAGE_COLUMNS)], kept.columns[len(IMAGE_COLUMNS) :]
        arrays = [*images, vectors(components, np.float64), dense_vectors(components), *labels]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def write_components_csv(folder: Folder, name: str, parts: Sequence[str], k: int) -> None:
    """Write the components as CSV: `path,label,component_1,…,component_k`."""
    names = ["path", "label", *(f"component_{number}" for number in range(1, k + 1))]

    def rows() -> Iterator[pa.RecordBatch]:
        for uri in parts:
            for batch in read_part(uri, ["path", "label", ARRAY_COLUMN]):
                components = [numbers(column) for column in matrix(batch.column(ARRAY_COLUMN)).T]
                yield pa.RecordBatch.from_arrays([batch.column(0), batch.column(1), *components], names)

    write_csv(folder, name, names, rows())
