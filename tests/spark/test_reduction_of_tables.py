"""The reduction of Spark tables: the same answer however the rows lie, and a refusal of what is too large."""

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from spark_job.errors import ReductionError
from spark_job.reduction import fitting
from spark_job.reduction.fitting import check_size, fit
from spark_job.reduction.moments import Moments
from spark_job.reduction.principal_components import ComponentRequest, reduce_moments
from spark_job.session import open_session

ROWS = np.random.default_rng(3).normal(size=(120, 12)).astype(np.float32) @ np.diag(np.arange(1, 13)).astype(
    np.float32
)
REQUEST = ComponentRequest(variance=0.9)


@pytest.fixture(scope="module")
def table() -> DataFrame:
    spark: SparkSession = open_session("tests")
    return spark.createDataFrame([(row.tolist(),) for row in ROWS], "features array<float>")


@pytest.mark.parametrize("partitions", [1, 3, 50])
def test_the_result_does_not_depend_on_partitions(table: DataFrame, partitions: int) -> None:
    """One partition, a few, or so many that partials merge as a tree (some partitions empty): the same."""
    moments = Moments.of([ROWS])
    assert moments is not None
    expected = reduce_moments(moments, REQUEST)
    result = fit(table.repartition(partitions), len(ROWS), 12, REQUEST)
    assert result.component_count == expected.component_count
    np.testing.assert_allclose(result.explained_variance_ratio, expected.explained_variance_ratio, atol=1e-12)
    np.testing.assert_allclose(result.loadings, expected.loadings, atol=1e-9)


def test_many_columns_go_by_the_gram_matrix_with_the_same_answer(
    table: DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the limit of the covariance the rows' Gram matrix gives the same components."""
    by_covariance = fit(table, len(ROWS), 12, REQUEST)
    monkeypatch.setattr(fitting, "MAX_COVARIANCE_COLUMNS", 5)
    by_gram = fit(table, len(ROWS), 12, REQUEST)
    np.testing.assert_allclose(by_gram.loadings, by_covariance.loadings, atol=1e-8)
    kept = by_gram.component_count
    np.testing.assert_allclose(
        by_gram.explained_variance_ratio[:kept], by_covariance.explained_variance_ratio[:kept], atol=1e-12
    )


def test_what_fits_neither_way_is_refused_with_a_way_out() -> None:
    """Many columns and many images: the message says what does fit."""
    with pytest.raises(ReductionError, match=r"20,000 images with 25,088 features.*--sample 10000"):
        check_size(20_000, 25_088)
    check_size(10_000, 150_528)
    check_size(10_000_000, 5_000)
