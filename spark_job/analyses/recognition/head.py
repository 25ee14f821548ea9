"""The head: from the features of an image to the probability of each class."""

from dataclasses import dataclass

import numpy as np

from spark_job.analyses.recognition.scaling import Scaling
from spark_job.reduction.principal_components import Reduction


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
    def of_standardised(cls, weights: np.ndarray, scaling: Scaling) -> "Head":
        """From (classes, d + 1) weights on standardised columns: the same head on the columns as they are."""
        coefficients = weights[:, :-1] * scaling.scale
        return cls(coefficients, weights[:, -1] - coefficients @ scaling.mean)

    def behind(self, reduction: Reduction) -> "Head":
        """From a head on components: the same head on the features; both steps are linear."""
        coefficients = (self.coefficients @ reduction.loadings.T) * reduction.scale
        return Head(coefficients, self.intercepts - coefficients @ reduction.mean)

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """(n, d) of any float type -> (n, classes) float64; each row sums to 1."""
        scores = np.asarray(rows, np.float64) @ self.coefficients.T + self.intercepts
        scores -= scores.max(axis=1, keepdims=True)
        exponentials = np.exp(scores, out=scores)
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))
