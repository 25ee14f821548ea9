"""The head as MLlib saves a LogisticRegressionModel: plain PySpark loads it.

Layout: the writer of org.apache.spark.ml.classification.LogisticRegressionModel, Spark 3.5.
"""

import numpy as np
import pyarrow as pa

from spark_job.analyses.classifier.head import Head
from spark_job.arrow_arrays import numbers
from spark_job.reduction.mllib_files import doubles, read_data, write_data, write_metadata
from spark_job.reduction.mllib_types import MATRIX, VECTOR, dense_matrix, dense_vectors, spark_schema
from spark_job.storage import Folder

SCHEMA = spark_schema(
    {
        "numClasses": "integer",
        "numFeatures": "integer",
        "interceptVector": VECTOR,
        "coefficientMatrix": MATRIX,
        "isMultinomial": "boolean",
    }
)


def save_classifier(folder: Folder, head: Head, regularization: float) -> None:
    """Save the model; its input column `features` is a vector, its classes are numbered from 0."""
    parameters = {
        "family": "multinomial",
        "featuresCol": "features",
        "regParam": regularization,
        "standardization": True,
    }
    write_metadata(folder, "classification.LogisticRegressionModel", "LogisticRegression_head", parameters)
    true = pa.Array.from_buffers(pa.bool_(), 1, [None, pa.py_buffer(b"\x01")])
    classes, length = (numbers(np.array([size], np.int32)) for size in head.coefficients.shape)
    vector, matrix = dense_vectors(head.intercepts[None]), dense_matrix(head.coefficients)
    write_data(folder, [classes, length, vector, matrix, true], SCHEMA)


def load_classifier(folder: Folder) -> Head:
    """Read the head that `save_classifier` wrote.

    Raises:
        StorageError: there is no such model.
    """
    data = read_data(folder, SCHEMA)
    intercepts = doubles(data["interceptVector"].field("values"))
    matrix = doubles(data["coefficientMatrix"].field("values"))
    return Head(matrix.reshape(-1, intercepts.size).T, intercepts)
