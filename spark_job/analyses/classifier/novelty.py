"""Images unlike anything trained on, by limits that the training images set (docs/decisions/0011)."""

import io
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Novelty:
    """When an image is like none that was trained on.

    Attributes:
        mean, scale: (d,) float32, of the columns.
        centres: (classes, d) float32, standardised means of the classes, of length 1.
        max_distance: cosine distance to the nearest centre, 0 to 2, beyond which an image is flagged.
        min_probability: of the most probable class, below which it is flagged.
    """

    mean: np.ndarray
    scale: np.ndarray
    centres: np.ndarray
    max_distance: float = np.inf
    min_probability: float = 0.0

    @classmethod
    def of(cls, mean: np.ndarray, scale: np.ndarray, centres: np.ndarray) -> "Novelty":
        """Return the limits that flag nothing: they are not calibrated yet."""
        single = np.float32
        return cls(mean.astype(single), scale.astype(single), _of_length_one(centres).astype(single))

    def distances(self, rows: np.ndarray) -> np.ndarray:
        """Return (n,) cosine distances to the nearest centre, for (n, d) float32 rows."""
        return np.asarray(1 - (_of_length_one((rows - self.mean) * self.scale) @ self.centres.T).max(axis=1))

    def flagged(self, probability: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Return (n,) bool: too improbable or too far away."""
        return np.asarray((probability < self.min_probability) | (distance > self.max_distance))

    def to_bytes(self) -> bytes:
        """Return the limits as NumPy's .npz file."""
        content = io.BytesIO()
        np.savez(content, **vars(self))
        return content.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Novelty":
        """Read the limits that `to_bytes` wrote."""
        with np.load(io.BytesIO(content)) as arrays:
            limits = {name: float(arrays[name]) for name in ("max_distance", "min_probability")}
            return cls(arrays["mean"], arrays["scale"], arrays["centres"], **limits)


def _of_length_one(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
