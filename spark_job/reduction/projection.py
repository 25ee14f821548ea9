"""The components of every usable image, as Parquet and as CSV."""

import io
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame

from spark_job.reduction.fitting import matrix
from spark_job.reduction.model import OUTPUT_COLUMN
from spark_job.reduction.principal_components import Reduction

KEPT_COLUMNS = ("path", "label", "split", "size")
ARRAY_COLUMN = "components_array"
_DDL = f"path string, label string, split string, size bigint, {ARRAY_COLUMN} array<double>"


def write_components(features: DataFrame, reduction: Reduction, destination: str) -> None:
    """Project the usable rows and store them: `components` as an MLlib vector, `components_array` as doubles.

    Args:
        features: rows of the features table with features.
        reduction: fitted on features of this length.
        destination: URI of the Parquet folder; replaced.
    """
    shared = features.sparkSession.sparkContext.broadcast(reduction)

    def project(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                components = shared.value.project(matrix(batch))
                kept = [batch.column(name) for name in KEPT_COLUMNS]
                yield pa.RecordBatch.from_arrays([*kept, _lists(components)], [*KEPT_COLUMNS, ARRAY_COLUMN])

    projected = features.select(*KEPT_COLUMNS, "features").mapInArrow(project, _DDL)
    table = projected.withColumn(OUTPUT_COLUMN, array_to_vector(ARRAY_COLUMN))
    table.write.mode("overwrite").parquet(destination)


def _lists(rows: np.ndarray) -> pa.ListArray:
    """(n, k) as n lists of k."""
    count, length = rows.shape
    offsets = np.arange(0, (count + 1) * length, length, dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(rows.ravel()))


def components_as_csv(components: DataFrame, k: int) -> Iterator[bytes]:
    """The table as CSV: `path,label,component_1,…,component_k`, one piece a partition's batch."""
    names = ["path", "label", *(f"component_{number}" for number in range(1, k + 1))]

    def to_csv(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                rows = np.asarray(batch.column(ARRAY_COLUMN).flatten()).reshape(batch.num_rows, k)
                columns = [batch.column("path"), batch.column("label"), *(pa.array(c) for c in rows.T)]
                text = io.BytesIO()
                table = pa.Table.from_arrays(columns, names)
                pc.write_csv(table, text, pc.WriteOptions(include_header=False, quoting_style="needed"))
                yield pa.RecordBatch.from_pydict({"csv": pa.array([text.getvalue()], pa.binary())})

    yield (",".join(names) + "\n").encode()
    pieces = components.select("path", "label", ARRAY_COLUMN).mapInArrow(to_csv, "csv binary")
    for row in pieces.toLocalIterator(prefetchPartitions=True):
        yield bytes(row[0])
