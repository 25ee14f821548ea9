"""The head: from the features of an image to the probability of each class."""

from dataclasses import dataclass

import numpy as np

from spark_job.reduction.principal_components import Reduction

# How many of the most probable classes are named.
TOP = 5


@dataclass(frozen=True)
class Head:
    """A softmax over linear scores.

    Attributes:
        coefficients: (classes, d) float64.
        intercepts: (classes,) float64.
    """

    coefficients: np.ndarray
    intercepts: np.ndarray

    @classmethod
    def of_standardised(cls, weights: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> "Head":
        """Return the head on columns as they are that equals one on standardised columns.

        Args:
            weights: (classes, d + 1), intercepts last, for `(column - mean) * scale`.
            mean, scale: (d,) float64.
        """
        coefficients = weights[:, :-1] * scale
        return cls(coefficients, weights[:, -1] - coefficients @ mean)

    def behind(self, reduction: Reduction) -> "Head":
        """Return the head on features that equals this head on components; both steps are linear."""
        coefficients = (self.coefficients @ reduction.loadings.T) * reduction.scale
        return Head(coefficients, self.intercepts - coefficients @ reduction.mean)

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, classes) float64, each row with sum 1, for (n, d) rows of any float type."""
        scores = np.asarray(rows, np.float64) @ self.coefficients.T + self.intercepts
        scores -= scores.max(axis=1, keepdims=True)
        exponentials = np.exp(scores, out=scores)
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))
