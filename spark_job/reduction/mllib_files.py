"""The files of MLlib models as Spark lays them out, written and read without Spark; the reduction is one.

Spark's own saver takes seconds for it (docs/decisions/0008-tables.md). Layout: the writers of the models and
org.apache.spark.ml.util.DefaultParamsWriter, Spark 3.5. Spark stores vectors and matrices as structs, with a
note in the file's footer that says which they are: org.apache.spark.ml.linalg.VectorUDT and MatrixUDT.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyspark

from spark_job.arrow_tables import numbers, part_uris, read_part, values, vectors, write_part
from spark_job.errors import StorageError
from spark_job.reduction.principal_components import Reduction
from spark_job.storage import Folder

METADATA = "metadata/part-00000"
INPUT_COLUMN = "features"
OUTPUT_COLUMN = "components"
SCALER, PCA = "StandardScaler_features", "PCA_features"
STAGES = (f"stages/0_{SCALER}", f"stages/1_{PCA}")
KINDS = ("integer", "double")
VECTOR_FIELDS = {"type": "byte", "size": "integer", "indices": "integers", "values": "doubles"}
MATRIX_FIELDS = {
    "type": "byte",
    "numRows": "integer",
    "numCols": "integer",
    "colPtrs": "integers",
    "rowIndices": "integers",
    "values": "doubles",
    "isTransposed": "boolean",
}
DENSE = 1  # Spark's mark of a dense vector or matrix, which has no indices
_ARROW: dict[str, Any] = {
    "string": pa.string(),
    "long": pa.int64(),
    "byte": pa.int8(),
    "integer": pa.int32(),
    "boolean": pa.bool_(),
    "integers": pa.list_(pa.int32()),
    "doubles": pa.list_(pa.float64()),
}
_VECTOR_STRUCT, _MATRIX_STRUCT = (
    pa.struct([(name, _ARROW[kind]) for name, kind in fields.items()])
    for fields in (VECTOR_FIELDS, MATRIX_FIELDS)
)
_DOUBLE_ARRAY = {"type": "array", "elementType": "double", "containsNull": True}


def _udt(name: str, fields: Mapping[str, str], optional: tuple[str, ...]) -> dict[str, Any]:
    """Return what `VectorUDT().jsonValue()` gives; to import pyspark.ml takes as long as a task."""
    arrays = {f"{kind}s": {"type": "array", "elementType": kind, "containsNull": False} for kind in KINDS}
    described = [
        {"name": field, "type": arrays.get(kind, kind), "nullable": field in optional, "metadata": {}}
        for field, kind in fields.items()
    ]
    return {
        "type": "udt",
        "class": f"org.apache.spark.ml.linalg.{name}",
        "pyClass": f"pyspark.ml.linalg.{name}",
        "sqlType": {"type": "struct", "fields": described},
    }


VECTOR = _udt("VectorUDT", VECTOR_FIELDS, ("size", "indices", "values"))
MATRIX = _udt("MatrixUDT", MATRIX_FIELDS, ("colPtrs", "rowIndices", "values"))


def spark_schema(columns: Mapping[str, str | dict[str, Any]]) -> pa.Schema:
    """Return the schema of a table for Spark: name -> "string", "long", "doubles", VECTOR or MATRIX."""
    fields: list[tuple[str, pa.DataType]] = []
    noted = []
    for name, kind in columns.items():
        struct = _MATRIX_STRUCT if kind is MATRIX else _VECTOR_STRUCT
        fields.append((name, _ARROW[kind] if isinstance(kind, str) else struct))
        spark_type = _DOUBLE_ARRAY if kind == "doubles" else kind
        noted.append({"name": name, "type": spark_type, "nullable": True, "metadata": {}})
    note = json.dumps({"type": "struct", "fields": noted})
    return pa.schema(fields, metadata={"org.apache.spark.sql.parquet.row.metadata": note})


def dense_vectors(rows: np.ndarray) -> pa.StructArray:
    """Return (n, d) float64 rows as n vectors."""
    count = len(rows)
    marks = numbers(np.full(count, DENSE, np.int8))
    fields = [marks, pa.nulls(count, pa.int32()), pa.nulls(count, _ARROW["integers"])]
    return pa.StructArray.from_arrays([*fields, vectors(rows, np.float64)], fields=list(_VECTOR_STRUCT))


def dense_matrix(matrix: np.ndarray) -> pa.StructArray:
    """Return an (m, n) float64 matrix as an array of one item, by columns as Spark keeps it."""
    shape = [numbers(np.array([length], np.int32)) for length in matrix.shape]
    values = vectors(matrix.ravel(order="F")[None], np.float64)
    none = pa.nulls(1, _ARROW["integers"])
    false = pa.Array.from_buffers(pa.bool_(), 1, [None, pa.py_buffer(bytes(1))])
    mark = numbers(np.array([DENSE], np.int8))
    fields = [mark, *shape, none, none, values, false]
    return pa.StructArray.from_arrays(fields, fields=list(_MATRIX_STRUCT))


def write_metadata(folder: Folder, name: str, uid: str, parameters: dict[str, Any]) -> None:
    """Write which class of `org.apache.spark.ml` the model is, and its parameters."""
    metadata = {
        "class": f"org.apache.spark.ml.{name}",
        "timestamp": time.time_ns() // 1_000_000,
        "sparkVersion": pyspark.__version__,
        "uid": uid,
        "paramMap": parameters,
        "defaultParamMap": {},
    }
    folder.write(METADATA, (json.dumps(metadata) + "\n").encode())


def write_data(folder: Folder, columns: Sequence[pa.Array[Any]], schema: pa.Schema) -> None:
    """Write the one row of a model's numbers."""
    row = pa.RecordBatch.from_arrays(list(columns), schema=schema)
    write_part(folder.at("data"), 0, [row], schema)


def read_data(folder: Folder, schema: pa.Schema) -> dict[str, Any]:
    """Return the one row of a model's numbers, by column; StorageError: there is no such model."""
    parts = part_uris(folder.at("data"))
    if not parts:
        raise StorageError(f"{folder.uri} holds no model")
    row = next(read_part(parts[0], schema.names))
    return {name: row.column(name) for name in schema.names}


def doubles(vectors: pa.Array[Any]) -> np.ndarray:
    """Return the numbers of lists, one after the other, as float64 that may be written."""
    return values(pc.list_flatten(vectors)).copy()


SCALER_SCHEMA = spark_schema({"std": VECTOR, "mean": VECTOR})
PCA_SCHEMA = spark_schema({"pc": MATRIX, "explainedVariance": VECTOR})
SCHEMAS = (SCALER_SCHEMA, PCA_SCHEMA)


def save_model(folder: Folder, reduction: Reduction) -> None:
    """Save a StandardScalerModel (mean removed; scaled when standardised) and a PCAModel."""
    kept = reduction.explained_variance_ratio[: reduction.component_count]
    # MLlib divides by the deviation, and leaves columns of 0 at 0; constant columns are 0 without the mean.
    ones = np.ones_like(reduction.scale)
    deviation = _inverse(reduction.scale) if reduction.standardized else ones
    scaler_data = [dense_vectors(deviation[None]), dense_vectors(reduction.mean[None])]
    pca_data = [dense_matrix(reduction.loadings), dense_vectors(kept[None])]
    centring = {"withMean": True, "withStd": reduction.standardized}
    scaling = {"inputCol": INPUT_COLUMN, "outputCol": "scaled", **centring}
    projection = {"inputCol": "scaled", "outputCol": OUTPUT_COLUMN, "k": reduction.component_count}
    write_metadata(folder.at(STAGES[0]), "feature.StandardScalerModel", SCALER, scaling)
    write_data(folder.at(STAGES[0]), scaler_data, SCALER_SCHEMA)
    write_metadata(folder.at(STAGES[1]), "feature.PCAModel", PCA, projection)
    write_data(folder.at(STAGES[1]), pca_data, PCA_SCHEMA)
    write_metadata(folder, "PipelineModel", "PipelineModel_reduction", {"stageUids": [SCALER, PCA]})


def _inverse(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(1.0, values, out=np.zeros_like(values), where=values > 0))


def load_model(
    folder: Folder, count: int, explained_variance_ratio: np.ndarray, variances: np.ndarray | None = None
) -> Reduction:
    """Return what `save_model` was given, with what MLlib does not keep; StorageError: no model."""
    scaler, pca = (read_data(folder.at(stage), schema) for stage, schema in zip(STAGES, SCHEMAS, strict=True))
    matrix, metadata = pca["pc"], folder.at(STAGES[0]).read(METADATA)
    if metadata is None:
        raise StorageError(f"{folder.at(STAGES[0]).uri} holds no model")
    return Reduction(
        count,
        doubles(scaler["mean"].field("values")),
        _inverse(doubles(scaler["std"].field("values"))),
        doubles(matrix.field("values")).reshape(matrix.field("numCols")[0].as_py(), -1).T,
        explained_variance_ratio,
        json.loads(metadata)["paramMap"]["withStd"],
        variances,
    )
