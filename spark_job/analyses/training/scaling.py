"""Mean and deviation of every column and the centre of every class, in two passes over the examples."""

from dataclasses import dataclass

import numpy as np

from spark_job.analyses.training.examples import Block, Examples
from spark_job.reduction.principal_components import column_scale


@dataclass(frozen=True)
class Scaling:
    """How columns are standardised, and where the classes lie.

    Attributes:
        mean: (d,) float64.
        scale: (d,) float64, 1 / standard deviation; 0 for a constant column.
        centres: (classes, d) float64, means of the classes, standardised.
    """

    mean: np.ndarray
    scale: np.ndarray
    centres: np.ndarray

    def standardised(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, d) rows of any float type standardised, in float32."""
        mean, scale = self.mean.astype(np.float32), self.scale.astype(np.float32)
        return np.asarray((rows - mean) * scale, np.float32)


def fit_scaling(examples: Examples, counts: np.ndarray, length: int) -> Scaling:
    """Measure mean, deviation and class centres of the columns.

    Args:
        counts: (classes,) images of each class, none of them 0.
        length: of a row.

    Raises:
        NoVarianceError: all rows are equal.
    """
    size = 8 * length
    sums = examples.total(_class_sums, (len(counts), length), len(counts) * size)
    mean = sums.sum(axis=0) / counts.sum()
    scatter = examples.total(_squared_deviations, mean, size)
    scale = column_scale(int(counts.sum()), mean, scatter, standardize=True)
    return Scaling(mean, scale, (sums / counts[:, None] - mean) * scale)


def _class_sums(shape: tuple[int, int], block: Block) -> np.ndarray:
    """Return the sums of each class, (classes, d) float64."""
    sums = np.zeros(shape)
    for index in np.unique(block.classes):
        sums[index] = block.rows[block.classes == index].sum(axis=0, dtype=np.float64)
    return sums


def _squared_deviations(mean: np.ndarray, block: Block) -> np.ndarray:
    """Return the summed squares of the deviations, (d,) float64."""
    centred = block.rows - mean
    return np.asarray(np.einsum("ij,ij->j", centred, centred))
