"""Images unlike anything trained on, by limits that the training images set (docs/decisions/0011)."""

import io
from dataclasses import dataclass

import numpy as np

from spark_job.analyses.recognition.examples import Block, Examples
from spark_job.analyses.recognition.head import Head
from spark_job.analyses.recognition.scaling import Scaling

# Of the training images, so many are further away, and so many are recognised with less confidence.
CALIBRATION_SHARE = 0.005


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
    def of(cls, scaling: Scaling) -> "Novelty":
        """Not calibrated yet: nothing is flagged."""
        mean, scale = scaling.mean.astype(np.float32), scaling.scale.astype(np.float32)
        return cls(mean, scale, _of_length_one(scaling.centres).astype(np.float32))

    def distances(self, rows: np.ndarray) -> np.ndarray:
        """(n, d) float32 -> (n,) cosine distance to the nearest centre."""
        return np.asarray(1 - (_of_length_one((rows - self.mean) * self.scale) @ self.centres.T).max(axis=1))

    def flagged(self, probability: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """(n,) bool, from the probability of the most probable class and the distance."""
        return np.asarray((probability < self.min_probability) | (distance > self.max_distance))

    def to_bytes(self) -> bytes:
        """As NumPy's .npz."""
        content = io.BytesIO()
        np.savez(content, **vars(self))
        return content.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Novelty":
        """What `to_bytes` gave."""
        with np.load(io.BytesIO(content)) as arrays:
            limits = {name: float(arrays[name]) for name in ("max_distance", "min_probability")}
            return cls(arrays["mean"], arrays["scale"], arrays["centres"], **limits)


def _of_length_one(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


@dataclass(frozen=True)
class Confidence:
    """(n,) float32 each: probability of the most probable class, distance to the nearest centre."""

    probability: np.ndarray
    distance: np.ndarray

    def __add__(self, other: "Confidence") -> "Confidence":
        """Both together."""
        return Confidence(
            np.concatenate([self.probability, other.probability]),
            np.concatenate([self.distance, other.distance]),
        )


def calibrate(examples: Examples, head: Head, scaling: Scaling) -> Novelty:
    """Set both limits by what the training images show; 8 bytes an image."""
    novelty = Novelty.of(scaling)
    seen = examples.total(_confidence, (head, novelty))
    return Novelty(
        novelty.mean,
        novelty.scale,
        novelty.centres,
        max_distance=float(np.quantile(seen.distance, 1 - CALIBRATION_SHARE)),
        min_probability=float(np.quantile(seen.probability, CALIBRATION_SHARE)),
    )


def _confidence(model: tuple[Head, Novelty], block: Block) -> Confidence:
    head, novelty = model
    probability = head.probabilities(block.rows).max(axis=1)
    return Confidence(probability.astype(np.float32), novelty.distances(block.rows).astype(np.float32))
