"""The components of every usable image, as Parquet and as CSV."""

import io
from collections.abc import Iterator, Sequence
from operator import add

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
from pyspark import SparkContext

from spark_job.arrow_arrays import numbers, vectors
from spark_job.features.table import matrix, read_usable
from spark_job.parquet_parts import read_part, write_part
from spark_job.reduction.mllib_types import VECTOR, dense_vectors, spark_schema
from spark_job.reduction.model import OUTPUT_COLUMN
from spark_job.reduction.principal_components import Reduction
from spark_job.reduction.profile import Profile
from spark_job.storage import Folder

KEPT_COLUMNS = ("path", "label", "split", "size")
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
        reduction: fitted on features of this length.
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

    profile: Profile = spark.parallelize(list(enumerate(parts)), len(parts)).map(write).treeReduce(add)
    return profile


def _projected(uri: str, reduction: Reduction, profile: list[Profile] | None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a part as COMPONENTS_SCHEMA has them; add to the profile, if there is one."""
    for kept, rows in read_usable(uri, reduction.mean.size, KEPT_COLUMNS):
        centred = reduction.centred(rows)
        components = centred @ reduction.loadings
        if profile is not None and reduction.variances is not None:
            profile[0] += Profile.of(centred, components, reduction.variances)
        yield _record_batch(kept, components)


def _record_batch(kept: pa.RecordBatch, components: np.ndarray) -> pa.RecordBatch:
    """Rows of COMPONENTS_SCHEMA from their first columns and (n, k) float64."""
    arrays = [vectors(components, np.float64), dense_vectors(components)]
    return pa.RecordBatch.from_arrays([*kept.columns, *arrays], schema=COMPONENTS_SCHEMA)


def components_as_csv(parts: Sequence[str], k: int) -> Iterator[bytes]:
    """Yield the components as CSV, `path,label,component_1,…,component_k`, a batch of rows at a time."""
    names = ["path", "label", *(f"component_{number}" for number in range(1, k + 1))]
    yield (",".join(names) + "\n").encode()
    options = pc.WriteOptions(include_header=False, quoting_style="needed")
    for uri in parts:
        for batch in read_part(uri, ["path", "label", ARRAY_COLUMN]):
            columns = [numbers(column) for column in matrix(batch.column(ARRAY_COLUMN)).T]
            text = io.BytesIO()
            pc.write_csv(
                pa.RecordBatch.from_arrays([batch.column(0), batch.column(1), *columns], names), text, options
            )
            yield text.getvalue()
