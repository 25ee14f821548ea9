"""The reduction as MLlib saves a PipelineModel: plain PySpark loads it.

The files are written without Spark, whose own saver takes seconds for it (docs/decisions/0003-reduction.md).
Layout: org.apache.spark.ml.util.DefaultParamsWriter and the writers of the two models, Spark 3.5.
"""

import json
import time
from typing import Any

import numpy as np
import pyarrow as pa
import pyspark

from spark_job.arrow_arrays import values
from spark_job.errors import StorageError
from spark_job.parts import part_uris, read_part, write_part
from spark_job.reduction.mllib_types import MATRIX, VECTOR, dense_matrix, dense_vectors, spark_schema
from spark_job.reduction.principal_components import Reduction
from spark_job.storage import Folder

INPUT_COLUMN = "features"
OUTPUT_COLUMN = "components"
SCALER, PCA = "StandardScaler_features", "PCA_features"
STAGES = (f"stages/0_{SCALER}", f"stages/1_{PCA}")
SCALER_SCHEMA = spark_schema({"std": VECTOR, "mean": VECTOR})
PCA_SCHEMA = spark_schema({"pc": MATRIX, "explainedVariance": VECTOR})
SCHEMAS = (SCALER_SCHEMA, PCA_SCHEMA)


def save_model(folder: Folder, reduction: Reduction) -> None:
    """Save a StandardScalerModel (mean removed; scaled when standardised) and a PCAModel.

    The model's input column `features` is a vector; `pyspark.ml.functions.array_to_vector` makes one of
    the features table's arrays.
    """
    kept = reduction.explained_variance_ratio[: reduction.component_count]
    scaler_data = [dense_vectors(_deviation(reduction)[None]), dense_vectors(reduction.mean[None])]
    pca_data = [dense_matrix(reduction.loadings), dense_vectors(kept[None])]
    centring = {"withMean": True, "withStd": reduction.standardized}
    scaling = {"inputCol": INPUT_COLUMN, "outputCol": "scaled", **centring}
    projection = {"inputCol": "scaled", "outputCol": OUTPUT_COLUMN, "k": reduction.component_count}
    _write_metadata(folder.at(STAGES[0]), "feature.StandardScalerModel", SCALER, scaling)
    _write_data(folder.at(STAGES[0]), scaler_data, SCALER_SCHEMA)
    _write_metadata(folder.at(STAGES[1]), "feature.PCAModel", PCA, projection)
    _write_data(folder.at(STAGES[1]), pca_data, PCA_SCHEMA)
    _write_metadata(folder, "PipelineModel", "PipelineModel_reduction", {"stageUids": [SCALER, PCA]})


def _deviation(reduction: Reduction) -> np.ndarray:
    """(d,) float64 standard deviations; MLlib divides by them, and leaves columns of 0 at 0."""
    if not reduction.standardized:
        return np.ones_like(reduction.scale)  # constant columns are 0 once the mean is removed
    return _inverse(reduction.scale)


def _inverse(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(1.0, values, out=np.zeros_like(values), where=values > 0))


def _write_metadata(folder: Folder, name: str, uid: str, parameters: dict[str, Any]) -> None:
    metadata = {
        "class": f"org.apache.spark.ml.{name}",
        "timestamp": time.time_ns() // 1_000_000,
        "sparkVersion": pyspark.__version__,
        "uid": uid,
        "paramMap": parameters,
        "defaultParamMap": {},
    }
    folder.write("metadata/part-00000", (json.dumps(metadata) + "\n").encode())


def _write_data(folder: Folder, columns: list[pa.Array], schema: pa.Schema) -> None:
    row = pa.RecordBatch.from_arrays(columns, schema=schema)
    write_part(folder.at("data"), 0, [row], schema)


def load_model(
    folder: Folder, count: int, explained_variance_ratio: np.ndarray, variances: np.ndarray | None = None
) -> Reduction:
    """The reduction that `save_model` was given; what MLlib does not keep is passed in.

    Raises:
        StorageError: there is no such model.
    """
    scaler, pca = (_read(folder.at(stage), schema) for stage, schema in zip(STAGES, SCHEMAS, strict=True))
    matrix = pca["pc"]
    metadata = json.loads(folder.at(STAGES[0]).read("metadata/part-00000") or b"{}")
    return Reduction(
        count,
        _doubles(scaler["mean"].field("values")),
        _inverse(_doubles(scaler["std"].field("values"))),
        _doubles(matrix.field("values")).reshape(matrix.field("numCols")[0].as_py(), -1).T,
        explained_variance_ratio,
        metadata["paramMap"]["withStd"],
        variances,
    )


def _read(folder: Folder, schema: pa.Schema) -> dict[str, pa.StructArray]:
    parts = part_uris(folder.at("data"))
    if not parts:
        raise StorageError(f"{folder.uri} holds no model")
    row = next(read_part(parts[0], schema.names))
    return {name: row.column(name) for name in schema.names}


def _doubles(vectors: pa.ListArray) -> np.ndarray:
    return values(vectors.flatten()).copy()
