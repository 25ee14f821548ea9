"""The components of every usable image, as Parquet and as CSV."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from pyspark import SparkContext

from spark_job.arrow_arrays import numbers, vectors
from spark_job.features.table import matrix, read_usable
from spark_job.images.listing import IMAGE_COLUMNS
from spark_job.parquet_parts import read_part, write_csv, write_part
from spark_job.reduction.drift import Profile
from spark_job.reduction.mllib_files import OUTPUT_COLUMN, VECTOR, dense_vectors, spark_schema
from spark_job.reduction.principal_components import Reduction
from spark_job.session import sum_over_tasks
from spark_job.storage import Folder

ARRAY_COLUMN = "components_array"
COMPONENTS_SCHEMA = spark_schema(
    {
        "path": "string",
        "label": "string",
        "split": "string",
        "size": "long",
        ARRAY_COLUMN: "doubles",
        OUTPUT_COLUMN: VECTOR,
    }
)


def write_components(
    spark: SparkContext,
    parts: Sequence[str],
    reduction: Reduction,
    destination: Folder,
    profiled: int | None = None,
) -> Profile:
    """Project the usable rows and store them: `components` as an MLlib vector, `components_array` as doubles.

    Args:
        parts: URIs of the features table's parts; each becomes one of the components.
        destination: the table's folder; replaced.
        profiled: how many of the parts, the first ones, the answer describes; default: all.

    Returns:
        How their images lie about the reduction; of no images when the reduction does not know its variances.
    """
    destination.clear()
    shared = spark.broadcast(reduction)
    described = 0 if reduction.variances is None else len(parts) if profiled is None else profiled

    def write(task: tuple[int, str]) -> Profile:
        number, uri = task
        profiles = [Profile.empty(shared.value.component_count)]
        batches = _projected(uri, shared.value, profiles if number < described else None)
        write_part(destination, number, batches, COMPONENTS_SCHEMA, repeated=("label", "split"))
        return profiles[0]

    return sum_over_tasks(spark, list(enumerate(parts)), write)


def _projected(uri: str, reduction: Reduction, profile: list[Profile] | None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a part as COMPONENTS_SCHEMA has them; add to the profile, if there is one."""
    for kept, rows in read_usable(uri, reduction.mean.size, IMAGE_COLUMNS):
        centred = reduction.centred(rows)
        components = centred @ reduction.loadings
        if profile is not None and reduction.variances is not None:
            profile[0] += Profile.of(centred, components, reduction.variances)
        yield _record_batch(kept, components)


def _record_batch(kept: pa.RecordBatch, components: np.ndarray) -> pa.RecordBatch:
    """Rows of COMPONENTS_SCHEMA from their first columns and (n, k) float64."""
    arrays = [vectors(components, np.float64), dense_vectors(components)]
    return pa.RecordBatch.from_arrays([*kept.columns, *arrays], schema=COMPONENTS_SCHEMA)


def write_components_csv(folder: Folder, name: str, parts: Sequence[str], k: int) -> None:
    """Write the components as CSV: `path,label,component_1,…,component_k`."""
    names = ["path", "label", *(f"component_{number}" for number in range(1, k + 1))]

    def rows() -> Iterator[pa.RecordBatch]:
        for uri in parts:
            for batch in read_part(uri, ["path", "label", ARRAY_COLUMN]):
                components = [numbers(column) for column in matrix(batch.column(ARRAY_COLUMN)).T]
                yield pa.RecordBatch.from_arrays([batch.column(0), batch.column(1), *components], names)

    write_csv(folder, name, names, rows())
