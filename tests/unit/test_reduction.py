"""The reduction against independent references, on awkward data too."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from spark_job.contract.run_options import ComponentRequest
from spark_job.errors import NoVarianceError, ReductionError
from spark_job.reduction.principal_components import (
    Moments,
    Reduction,
    component_count,
    explained_variance_ratio,
    reduce_moments,
    reduce_rows,
)

RNG = np.random.default_rng(7)


def correlated(rows: int, columns: int, offset: float = 0.0) -> np.ndarray:
    """Rows with a decaying spectrum, as features have."""
    mixing = RNG.normal(size=(columns, columns)) * np.linspace(1, 0.01, columns)
    return offset + RNG.normal(size=(rows, columns)) @ mixing


AWKWARD = {
    "plain": correlated(200, 20),
    "large means": correlated(200, 20, offset=1e6),
    "fewer rows than columns": correlated(12, 40),
    "constant columns": np.hstack([correlated(60, 8), np.full((60, 3), 5.0), np.zeros((60, 1))]),
    "two rows": correlated(2, 6),
}


def reference(rows: np.ndarray, standardize: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scikit-learn's ratios and components; its scaler divides by n, MLlib's by n - 1: no matter here."""
    prepared = StandardScaler().fit_transform(rows) if standardize else rows
    pca = PCA(svd_solver="full").fit(prepared)
    return pca.explained_variance_ratio_, pca.components_.T


def from_moments(rows: np.ndarray, request: ComponentRequest) -> Reduction:
    moments = Moments.of(np.array_split(rows, 3))
    assert moments is not None
    return reduce_moments(moments, request)


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("way", [from_moments, reduce_rows])
def test_ratios_and_components_equal_scikit_learn(way, name: str, standardize: bool) -> None:
    """Both ways give scikit-learn's shares of variance and, up to sign, its components."""
    rows = AWKWARD[name]
    k = min(rows.shape[0] - 1, 5)
    result = way(rows, ComponentRequest(None, k, standardize))
    ratio, components = reference(rows, standardize)
    np.testing.assert_allclose(result.explained_variance_ratio[:k], ratio[:k], rtol=1e-7, atol=1e-10)
    aligned = np.abs((result.loadings * components[:, :k]).sum(axis=0))
    np.testing.assert_allclose(aligned, 1, atol=1e-6)


@pytest.mark.parametrize("way", [from_moments, reduce_rows])
def test_components_are_orthonormal_and_their_signs_fixed(way) -> None:
    """Loadings are orthonormal; the entry of largest magnitude of each is positive."""
    result = way(AWKWARD["plain"], ComponentRequest(variance=0.95))
    np.testing.assert_allclose(result.loadings.T @ result.loadings, np.eye(result.component_count), atol=1e-9)
    largest = np.abs(result.loadings).argmax(axis=0)
    assert (result.loadings[largest, np.arange(result.component_count)] > 0).all()


def test_both_ways_agree_on_the_projection() -> None:
    """Covariance and Gram matrix project the rows to the same components."""
    rows, request = AWKWARD["fewer rows than columns"].astype(np.float32), ComponentRequest(None, 8)
    ways = (from_moments(rows, request), reduce_rows(rows, request))
    one, other = (found.centred(rows) @ found.loadings for found in ways)
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_ratios_descend_and_sum_to_one() -> None:
    """Shares of variance are sorted, non-negative and complete."""
    ratio = from_moments(AWKWARD["constant columns"], ComponentRequest()).explained_variance_ratio
    assert (np.diff(ratio) <= 0).all()
    assert (ratio >= 0).all()
    assert ratio.sum() == pytest.approx(1)


def test_the_fewest_components_that_hold_the_share_are_kept() -> None:
    """--variance keeps no component too many and none too few."""
    ratio = np.array([0.5, 0.3, 0.15, 0.05])
    kept = {share: component_count(ratio, ComponentRequest(share), 4) for share in (0.4, 0.5, 0.8, 0.81, 1.0)}
    assert kept == {0.4: 1, 0.5: 1, 0.8: 2, 0.81: 3, 1.0: 4}


def test_more_components_than_the_data_have_are_refused() -> None:
    """The message says how many there can be."""
    with pytest.raises(ReductionError, match=r"--components 20 is more than the data allow.*at most 11"):
        from_moments(AWKWARD["fewer rows than columns"], ComponentRequest(None, 20))


def test_copies_of_images_do_not_count_as_components() -> None:
    """Three distinct rows, each ten times over, have two components."""
    rows = np.repeat(correlated(3, 8), 10, axis=0)
    assert reduce_rows(rows, ComponentRequest(variance=1.0)).component_count == 2
    with pytest.raises(ReductionError, match="at most 2"):
        reduce_rows(rows, ComponentRequest(None, 3))


@pytest.mark.parametrize(
    "rows", [np.ones((1, 4)), np.full((5, 4), 0.1), np.repeat(RNG.normal(size=(1, 9)), 2, axis=0)]
)
@pytest.mark.parametrize("way", [from_moments, reduce_rows])
def test_equal_rows_have_no_variance(way, rows: np.ndarray) -> None:
    """One image or copies of one are a clear error, never a NaN."""
    with pytest.raises(NoVarianceError, match="at least two images that differ"):
        way(rows, ComponentRequest())


def test_ratio_of_nothing_is_refused() -> None:
    """Eigenvalues that are all zero or rounding noise are no variance."""
    with pytest.raises(NoVarianceError):
        explained_variance_ratio(np.array([0.0, -1e-18]))


ROWS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(2, 30), st.integers(1, 5)),
    elements=st.floats(-1e4, 1e4, width=32),
)


@settings(max_examples=100, deadline=None)
@given(ROWS, st.data())
def test_moments_do_not_depend_on_split_or_order(rows: np.ndarray, data: st.DataObject) -> None:
    """Any split into parts, merged in any order, gives the moments of the whole."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    parts = [Moments.of([part]) for part in np.split(rows, cuts) if len(part)]
    order = data.draw(st.permutations(parts))
    merged: Any = order[0]
    for part in order[1:]:
        merged = merged.merge(part)
    whole = rows.astype(np.float64)
    centred = whole - whole.mean(axis=0)
    magnitude = max(np.abs(whole).max() ** 2 * len(rows), 1e-9)
    assert merged.count == len(rows)
    np.testing.assert_allclose(merged.mean, whole.mean(axis=0), atol=1e-9 * np.sqrt(magnitude))
    np.testing.assert_allclose(merged.scatter, centred.T @ centred, atol=1e-10 * magnitude)


def test_large_means_cost_no_digits() -> None:
    """A mean a million times the deviation leaves the variance exact to 1e-9."""
    rows = 1e6 + RNG.normal(size=(4000, 3))
    moments = Moments.of(np.array_split(rows, 7))
    assert moments is not None
    np.testing.assert_allclose(moments.scatter / 3999, np.cov(rows.T), rtol=1e-9, atol=1e-9)


def test_moments_survive_the_wire() -> None:
    """Pickled as a triangle, they come back as they were."""
    moments = Moments.of([AWKWARD["plain"]])
    assert moments is not None
    data = pickle.dumps(moments)
    assert len(data) < 0.7 * moments.scatter.nbytes + 1000
    back = pickle.loads(data)
    assert back.count == moments.count
    np.testing.assert_array_equal(back.mean, moments.mean)
    np.testing.assert_allclose(back.scatter, moments.scatter, rtol=1e-12)
