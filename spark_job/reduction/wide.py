"""Exact principal components when there are more columns than a covariance can hold.

With fewer rows n than columns d, the n x n Gram matrix of the rows has the same spectrum as the d x d
covariance. The rows lie in a scratch file and pass through memory by columns.
"""

from collections.abc import Iterator

import numpy as np

from spark_job.contract.run_options import ComponentRequest
from spark_job.errors import ReductionError
from spark_job.reduction.principal_components import (
    Reduction,
    column_scale,
    component_count,
    explained_variance_ratio,
    fix_signs,
    rank_limit,
)

COLUMNS_AT_ONCE = 1_024
# Of loadings, (d, k) float64: they pass through Python and the JVM, and MLlib saves them in one row.
MAX_LOADINGS_BYTES = 256 * 1024**2


def reduce_rows(rows: np.ndarray, request: ComponentRequest) -> Reduction:
    """Principal components from the Gram matrix of the rows, O(n^2 d).

    Args:
        rows: (n, d) float32, may be mapped from a file; read in slices of columns, twice.
        request: what to keep.

    Raises:
        NoVarianceError: all rows are equal, or there is one row.
        ReductionError: more components than the rows have, or than memory holds.
    """
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
    eigenvalues, vectors = np.linalg.eigh(gram)
    ratio = explained_variance_ratio(eigenvalues)
    k = component_count(ratio, request, rank_limit(count, scale))
    _check_loadings(columns, k)
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


def _check_loadings(columns: int, k: int) -> None:
    if columns * k * 8 > MAX_LOADINGS_BYTES:
        most = MAX_LOADINGS_BYTES // (columns * 8)
        raise ReductionError(
            f"{k} components of {columns:,} features make a model of {columns * k * 8 / 1024**2:,.0f} MiB, "
            f"more than {MAX_LOADINGS_BYTES // 1024**2}: use --components {most} or fewer, a smaller "
            "--variance, or pooled features"
        )
