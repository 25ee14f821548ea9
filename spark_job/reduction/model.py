"""The reduction as a genuine MLlib PipelineModel, which plain PySpark loads."""

import numpy as np
from pyspark.ml import PipelineModel
from pyspark.ml.feature import PCAModel, StandardScalerModel
from pyspark.ml.linalg import DenseMatrix
from pyspark.sql import SparkSession

from spark_job.reduction.principal_components import Reduction

INPUT_COLUMN = "features"
OUTPUT_COLUMN = "components"
NUMBERS_AT_ONCE = 1_000_000


def to_pipeline_model(spark: SparkSession, reduction: Reduction) -> PipelineModel:
    """StandardScalerModel (mean removed; scaled when standardised) and PCAModel.

    Its input column `features` is a vector; `pyspark.ml.functions.array_to_vector` makes one of the
    features table's arrays.
    """
    deviation = np.divide(1.0, reduction.scale, out=np.zeros_like(reduction.scale), where=reduction.scale > 0)
    if not reduction.standardized:
        deviation = np.ones_like(deviation)  # constant columns are 0 once the mean is removed
    kept = reduction.explained_variance_ratio[: reduction.component_count]
    java = spark._jvm.org.apache.spark.ml
    scaler = StandardScalerModel(
        java.feature.StandardScalerModel(
            "StandardScaler_features", _vector(spark, deviation), _vector(spark, reduction.mean)
        )
    )
    scaler._set(inputCol=INPUT_COLUMN, outputCol="scaled", withMean=True, withStd=reduction.standardized)
    columns, k = reduction.loadings.shape
    matrix = java.linalg.DenseMatrix(columns, k, _doubles(spark, reduction.loadings.ravel(order="F")))
    pca = PCAModel(java.feature.PCAModel("PCA_features", matrix, _vector(spark, kept)))
    pca._set(inputCol="scaled", outputCol=OUTPUT_COLUMN, k=k)
    return PipelineModel([scaler, pca])


def from_pipeline_model(model: PipelineModel, count: int, explained_variance_ratio: np.ndarray) -> Reduction:
    """The reduction that `to_pipeline_model` was given; what MLlib does not keep is passed in."""
    scaler, pca = model.stages
    deviation = scaler.std.toArray()
    scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    loadings: DenseMatrix = pca.pc
    return Reduction(
        count,
        scaler.mean.toArray(),
        scale,
        loadings.toArray(),
        explained_variance_ratio,
        bool(scaler.getWithStd()),
    )


def _vector(spark: SparkSession, values: np.ndarray) -> object:
    return spark._jvm.org.apache.spark.ml.linalg.DenseVector(_doubles(spark, values))


def _doubles(spark: SparkSession, values: np.ndarray) -> object:
    """A Java double[]; as byte strings, since Py4J sends a list number by number."""
    array = spark.sparkContext._gateway.new_array(spark._jvm.double, values.size)
    for start in range(0, values.size, NUMBERS_AT_ONCE):
        part = values[start : start + NUMBERS_AT_ONCE]
        content = spark._jvm.java.nio.ByteBuffer.wrap(bytearray(part.astype(">f8").tobytes()))
        content.asDoubleBuffer().get(array, start, part.size)
    return array
