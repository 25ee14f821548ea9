"""The reduction as MLlib saves a PipelineModel: plain PySpark loads it.

The files are written without Spark, whose own saver takes seconds for it (docs/decisions/0008-tables.md).
Layout: the writers of the two models, Spark 3.5.
"""

import numpy as np

from spark_job.reduction.mllib_files import (
    MATRIX,
    VECTOR,
    dense_matrix,
    dense_vectors,
    doubles,
    read_data,
    read_parameters,
    spark_schema,
    write_data,
    write_metadata,
)
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
    write_metadata(folder.at(STAGES[0]), "feature.StandardScalerModel", SCALER, scaling)
    write_data(folder.at(STAGES[0]), scaler_data, SCALER_SCHEMA)
    write_metadata(folder.at(STAGES[1]), "feature.PCAModel", PCA, projection)
    write_data(folder.at(STAGES[1]), pca_data, PCA_SCHEMA)
    write_metadata(folder, "PipelineModel", "PipelineModel_reduction", {"stageUids": [SCALER, PCA]})


def _deviation(reduction: Reduction) -> np.ndarray:
    """(d,) float64 standard deviations; MLlib divides by them, and leaves columns of 0 at 0."""
    if not reduction.standardized:
        return np.ones_like(reduction.scale)  # constant columns are 0 once the mean is removed
    return _inverse(reduction.scale)


def _inverse(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(1.0, values, out=np.zeros_like(values), where=values > 0))


def load_model(
    folder: Folder, count: int, explained_variance_ratio: np.ndarray, variances: np.ndarray | None = None
) -> Reduction:
    """Return the reduction that `save_model` was given; what MLlib does not keep is passed in.

    Raises:
        StorageError: there is no such model.
    """
    scaler, pca = (read_data(folder.at(stage), schema) for stage, schema in zip(STAGES, SCHEMAS, strict=True))
    matrix = pca["pc"]
    return Reduction(
        count,
        doubles(scaler["mean"].field("values")),
        _inverse(doubles(scaler["std"].field("values"))),
        doubles(matrix.field("values")).reshape(matrix.field("numCols")[0].as_py(), -1).T,
        explained_variance_ratio,
        read_parameters(folder.at(STAGES[0]))["withStd"],
        variances,
    )
