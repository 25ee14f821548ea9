"""Exact principal components: from moments that are gathered in parts and merged, or from the rows.

With fewer rows n than columns d, the n x n Gram matrix has the same spectrum as the d x d covariance.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from spark_job.contract.run_options import ComponentRequest
from spark_job.errors import NoVarianceError, ReductionError

RELATIVE_TOLERANCE = 1e-12  # a deviation below this share of a column's magnitude is rounding
ROUNDING_SHARE = 1e-13  # a component of a smaller share is rounding: copies of images make such
COLUMNS_AT_ONCE = 1_024
# OpenBLAS' threads wait for each other by spinning: beside other programs two took 7 s or more for 1,280
# columns, one 0.9 s. With more columns than this the threads of an idle machine are worth it.
MAX_COLUMNS_OF_ONE_THREAD = 2_048
# Of loadings, (d, k) float64: they pass through Python and the JVM, and MLlib saves them in one row.
MAX_LOADINGS_BYTES = 256 * 1024**2


@dataclass(frozen=True)
class Moments:
    """Sufficient statistics of a set of rows."""

    count: int
    mean: np.ndarray  # (d,) float64
    scatter: np.ndarray  # (d, d) float64, the sum over rows of (x - mean)(x - mean)^T; symmetric

    @classmethod
    def of(cls, batches: Iterable[np.ndarray]) -> "Moments | None":
        """Return the moments of rows in batches of (n, d), of any float type; None when there are no rows.

        The rows are shifted by the first batch's mean before they are squared, so that large means
        cost no digits (Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance").
        Sums are float64; O(n d^2) time, two d x d in memory.
        """
        count, shift = 0, np.empty(0)
        total, square = np.empty(0), np.empty(0)
        for batch in batches:
            if len(batch) == 0:
                continue
            rows = np.asarray(batch, np.float64)
            if count == 0:
                shift = rows.mean(axis=0)
                total, square = np.zeros_like(shift), np.zeros((shift.size, shift.size))
            rows = rows - shift
            total += rows.sum(axis=0)
            square += rows.T @ rows
            count += len(rows)
        if count == 0:
            return None
        square -= np.outer(total, total / count)
        return cls(count, shift + total / count, square)

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of both sets of rows together (Chan's pairwise formula)."""
        count = self.count + other.count
        difference = other.mean - self.mean
        mean = self.mean + difference * (other.count / count)
        correction = np.outer(difference, difference * (self.count * other.count / count))
        return Moments(count, mean, self.scatter + other.scatter + correction)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the upper triangle of the scatter: 6.6 MB at 1,280 columns."""
        return _from_triangle, (self.count, self.mean, self.scatter[np.triu_indices(self.mean.size)])


def _from_triangle(count: int, mean: np.ndarray, triangle: np.ndarray) -> Moments:
    scatter = np.zeros((mean.size, mean.size))
    upper = np.triu_indices(mean.size)
    scatter[upper] = triangle
    scatter.T[upper] = triangle
    return Moments(count, mean, scatter)


@dataclass(frozen=True)
class Reduction:
    """A fitted reduction: components(x) = ((x - mean) * scale) @ loadings."""

    count: int  # rows it was fitted on
    mean: np.ndarray  # (d,) float64
    scale: np.ndarray  # (d,) float64, 1 / standard deviation when standardised (0: constant column), else 1
    loadings: np.ndarray  # (d, k) float64, orthonormal columns; the largest entry of each is positive
    explained_variance_ratio: np.ndarray  # (r,) float64, descending, of all components, summing to 1
    standardized: bool
    # (k,) float64, of the kept components over these rows (n - 1); None: an earlier version saved it
    variances: np.ndarray | None = None

    @property
    def component_count(self) -> int:
        return int(self.loadings.shape[1])

    def centred(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows without the mean, scaled: (n, d) of any float type -> (n, d) float64."""
        return np.asarray((np.asarray(rows, np.float64) - self.mean) * self.scale)


def reduce_moments(moments: Moments, request: ComponentRequest) -> Reduction:
    """Compute components from the covariance, O(d^3); ReductionError: fewer exist than were asked for."""
    scale, matrix = _scaled(moments, request.standardize)
    with _threads_for(matrix):
        eigenvalues, eigenvectors = np.linalg.eigh(matrix)
    ratio = explained_variance_ratio(eigenvalues)
    k = component_count(ratio, request, _rank_limit(moments.count, scale))
    loadings = fix_signs(eigenvectors[:, ::-1][:, :k])
    variances = eigenvalues[::-1][:k] / (moments.count - 1)
    return Reduction(moments.count, moments.mean, scale, loadings, ratio, request.standardize, variances)


def spectrum(moments: Moments, standardize: bool) -> np.ndarray:
    """Return the (d,) shares of variance, which cost a fraction of what the components cost."""
    _, matrix = _scaled(moments, standardize)
    with _threads_for(matrix):
        return explained_variance_ratio(np.linalg.eigvalsh(matrix))


def _scaled(moments: Moments, standardize: bool) -> tuple[np.ndarray, np.ndarray]:
    scale = column_scale(moments.count, moments.mean, np.diag(moments.scatter), standardize)
    return scale, moments.scatter * scale[:, None] * scale[None, :]


def _threads_for(matrix: np.ndarray) -> threadpool_limits:
    return threadpool_limits(1 if len(matrix) <= MAX_COLUMNS_OF_ONE_THREAD else None, "blas")


def column_scale(count: int, mean: np.ndarray, scatter: np.ndarray, standardize: bool) -> np.ndarray:
    """Return what centred columns are multiplied with: 1 / sample deviation, or 1; if constant 0, as MLlib.

    `scatter` is the sum of squared deviations, all are (d,). NoVarianceError: every column is constant.
    """
    deviation = np.sqrt(np.maximum(scatter, 0) / max(count - 1, 1))
    constant = deviation <= RELATIVE_TOLERANCE * np.abs(mean)
    if count < 2 or constant.all():
        raise NoVarianceError(
            f"the {count} usable image{'s have' if count != 1 else ' has'} no variance: components need at "
            "least two images that differ; add images, or check that they are not copies of one"
        )
    if not standardize:
        return np.where(constant, 0.0, 1.0)
    return np.asarray(np.divide(1.0, deviation, out=np.zeros_like(deviation), where=~constant))


def _rank_limit(count: int, scale: np.ndarray) -> int:
    """Return the most components that `count` centred rows with these columns can have."""
    return min(count - 1, int(np.count_nonzero(scale)))


def explained_variance_ratio(eigenvalues: np.ndarray) -> np.ndarray:
    """Return the components' shares of the variance, descending; NoVarianceError: no eigenvalue above 0."""
    positive = np.sort(np.maximum(eigenvalues, 0))[::-1]
    total = positive.sum()
    if total <= 0:
        raise NoVarianceError("the usable images have no variance: all of them have the same features")
    return np.asarray(positive / total)


def component_count(ratio: np.ndarray, request: ComponentRequest, limit: int) -> int:
    """Return how many components the request means; ReductionError: more than there can be."""
    limit = min(limit, int(np.count_nonzero(ratio > ROUNDING_SHARE)))
    if request.components is not None:
        if request.components > limit:
            raise ReductionError(
                f"--components {request.components} is more than the data allow: these images have at most "
                f"{limit}; ask for at most {limit}, or use --variance"
            )
        return request.components
    # The tolerance keeps --variance 1.0 from asking for directions of rounding noise.
    share = (request.variance or 1.0) - 1e-12
    return min(int(np.searchsorted(np.cumsum(ratio), share)) + 1, limit)


def fix_signs(loadings: np.ndarray) -> np.ndarray:
    """Turn each column so that its entry of largest magnitude is positive; runs then agree in sign."""
    largest = np.abs(loadings).argmax(axis=0)
    signs = np.sign(loadings[largest, np.arange(loadings.shape[1])])
    return loadings * np.where(signs == 0, 1.0, signs)


def reduce_rows(rows: np.ndarray, request: ComponentRequest) -> Reduction:
    """Compute components from the Gram matrix of (n, d) rows, O(n^2 d); ReductionError: too many of them."""
    count, columns = rows.shape
    mean, scatter = np.empty(columns), np.empty(columns)
    for part, block in _column_blocks(rows):
        mean[part] = block.mean(axis=0)
        scatter[part] = np.square(block - mean[part]).sum(axis=0)
    scale = column_scale(count, mean, scatter, request.standardize)
    gram = np.zeros((count, count))
    for part, block in _column_blocks(rows):
        centred = (block - mean[part]) * scale[part]
        gram += centred @ centred.T
    with _threads_for(gram):
        eigenvalues, vectors = np.linalg.eigh(gram)
    ratio = explained_variance_ratio(eigenvalues)
    k = component_count(ratio, request, _rank_limit(count, scale))
    if columns * k * 8 > MAX_LOADINGS_BYTES:
        most = MAX_LOADINGS_BYTES // (columns * 8)
        raise ReductionError(
            f"{k} components of {columns:,} features make a model of {columns * k * 8 / 1024**2:,.0f} MiB, "
            f"more than {MAX_LOADINGS_BYTES // 1024**2}: use --components {most} or fewer, a smaller "
            "--variance, or pooled features"
        )
    lengths = np.sqrt(eigenvalues[::-1][:k])
    directions = vectors[:, ::-1][:, :k] / lengths
    loadings = np.empty((columns, k))
    for part, block in _column_blocks(rows):
        loadings[part] = ((block - mean[part]) * scale[part]).T @ directions
    variances = np.square(lengths) / (count - 1)
    return Reduction(count, mean, scale, fix_signs(loadings), ratio, request.standardize, variances)


def _column_blocks(rows: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    for start in range(0, rows.shape[1], COLUMNS_AT_ONCE):
        part = slice(start, start + COLUMNS_AT_ONCE)
        yield part, np.asarray(rows[:, part], np.float64)
