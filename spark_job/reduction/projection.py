"""The components of every usable image, as Parquet and as CSV."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
from pyspark import SparkContext

from spark_job.arrow_arrays import numbers, vectors
from spark_job.features.table import matrix, read_usable
from spark_job.parts import read_part, write_part
from spark_job.reduction.mllib_types import VECTOR, dense_vectors, spark_schema
from spark_job.reduction.model import OUTPUT_COLUMN
from spark_job.reduction.principal_components import Reduction
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
    spark: SparkContext, parts: Sequence[str], reduction: Reduction, destination: Folder
) -> None:
    """Project the usable rows and store them: `components` as an MLlib vector, `components_array` as doubles.

    Args:
        parts: URIs of the features table's parts; each becomes one of the components.
        reduction: fitted on features of this length.
        destination: the table's folder; replaced.
    """
    destination.clear()
    shared = spark.broadcast(reduction)

    def write(task: tuple[int, str]) -> None:
        number, uri = task
        found = read_usable(uri, shared.value.mean.size, KEPT_COLUMNS)
        batches = (_record_batch(kept, shared.value.project(rows)) for kept, rows in found)
        write_part(destination, number, batches, COMPONENTS_SCHEMA, repeated=("label", "split"))

    spark.parallelize(list(enumerate(parts)), len(parts)).foreach(write)


def _record_batch(kept: pa.RecordBatch, components: np.ndarray) -> pa.RecordBatch:
    """Rows of COMPONENTS_SCHEMA from their first columns and (n, k) float64."""
    arrays = [vectors(components, np.float64), dense_vectors(components)]
    return pa.RecordBatch.from_arrays([*kept.columns, *arrays], schema=COMPONENTS_SCHEMA)


def components_as_csv(parts: Sequence[str], k: int) -> Iterator[bytes]:
    """The components as CSV, `path,label,component_1,…,component_k`, a batch of rows at a time."""
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
