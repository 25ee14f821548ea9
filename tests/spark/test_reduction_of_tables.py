"""The reduction of Spark tables: the same answer however the rows lie, and a refusal of what is too large."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark import SparkContext

from spark_job import session
from spark_job.arrow_tables import part_uris, vectors, write_part
from spark_job.contract.run_options import ComponentRequest
from spark_job.errors import ReductionError
from spark_job.reduction import tables
from spark_job.reduction.principal_components import Moments, reduce_moments
from spark_job.reduction.tables import check_size, fit
from spark_job.session import open_session
from spark_job.storage import Folder

ROWS = np.random.default_rng(3).normal(size=(120, 12)).astype(np.float32) @ np.diag(np.arange(1, 13)).astype(
    np.float32
)
REQUEST = ComponentRequest(variance=0.9)
SCHEMA = pa.schema([("features", pa.list_(pa.float32()))])


@pytest.fixture(scope="module")
def spark() -> SparkContext:
    return open_session("tests").sparkContext


def table(folder: Path, parts: int) -> list[str]:
    """A features table of ROWS in so many parts; among the usable rows some that are not."""
    for number, rows in enumerate(np.array_split(ROWS, parts)):
        usable = vectors([*rows, None], np.float32)
        write_part(Folder(str(folder)), number, [pa.RecordBatch.from_arrays([usable], ["features"])], SCHEMA)
    return part_uris(Folder(str(folder)))


@pytest.mark.parametrize("parts", [1, 3, 130])
def test_the_result_does_not_depend_on_the_parts(spark: SparkContext, parts: int, tmp_path: Path) -> None:
    """One part, a few, or so many that some hold no usable row: the same."""
    moments = Moments.of([ROWS])
    assert moments is not None
    expected = reduce_moments(moments, REQUEST)
    result = fit(spark, table(tmp_path, parts), len(ROWS), 12, REQUEST)
    assert result.component_count == expected.component_count
    np.testing.assert_allclose(result.explained_variance_ratio, expected.explained_variance_ratio, atol=1e-12)
    np.testing.assert_allclose(result.loadings, expected.loadings, atol=1e-9)


def test_partials_meet_as_a_tree(
    spark: SparkContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When few of them fit into memory at once the answer is the same."""
    monkeypatch.setattr(session, "MAX_MERGED_BYTES", 1)
    monkeypatch.setattr(tables, "TASKS_A_CORE", 20)
    found = tables.moments(spark, table(tmp_path, 40), 12)
    expected = Moments.of([ROWS])
    assert expected is not None
    assert found.count == len(ROWS)
    np.testing.assert_allclose(found.scatter, expected.scatter, rtol=1e-9)


def test_many_columns_go_by_the_gram_matrix_with_the_same_answer(
    spark: SparkContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the limit of the covariance the rows' Gram matrix gives the same components."""
    parts = table(tmp_path, 3)
    by_covariance = fit(spark, parts, len(ROWS), 12, REQUEST)
    monkeypatch.setattr(tables, "MAX_COVARIANCE_COLUMNS", 5)
    by_gram = fit(spark, parts, len(ROWS), 12, REQUEST)
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
