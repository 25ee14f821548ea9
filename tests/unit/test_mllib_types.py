"""MLlib's types, as this project writes them, are those of the installed Spark."""

from pyspark.ml.linalg import MatrixUDT, VectorUDT

from spark_job.reduction.mllib_files import MATRIX, VECTOR


def test_the_types_are_those_that_spark_writes() -> None:
    """Letter by letter, for Spark compares them when it reads."""
    assert VectorUDT().jsonValue() == VECTOR
    assert MatrixUDT().jsonValue() == MATRIX
