"""The limits beyond which an image is unlike anything trained on, from the training images themselves."""

from dataclasses import dataclass, replace

import numpy as np

from spark_job.analyses.classifier.head import Head
from spark_job.analyses.classifier.novelty import Novelty
from spark_job.analyses.training.examples import Block, Examples
from spark_job.analyses.training.scaling import Scaling

# This share of the training images is further away, and this share is recognised with less confidence.
CALIBRATION_SHARE = 0.005


@dataclass(frozen=True)
class Confidence:
    """(n,) float32 each: probability of the most probable class, distance to the nearest centre."""

    probability: np.ndarray
    distance: np.ndarray

    def __add__(self, other: "Confidence") -> "Confidence":
        """Add the images of another block."""
        return Confidence(
            np.concatenate([self.probability, other.probability]),
            np.concatenate([self.distance, other.distance]),
        )


def calibrate(examples: Examples, head: Head, scaling: Scaling) -> Novelty:
    """Set both limits by what the training images show; 8 bytes an image."""
    novelty = Novelty.of(scaling.mean, scaling.scale, scaling.centres)
    seen = examples.total(_confidence, (head, novelty))
    return replace(
        novelty,
        max_distance=float(np.quantile(seen.distance, 1 - CALIBRATION_SHARE)),
        min_probability=float(np.quantile(seen.probability, CALIBRATION_SHARE)),
    )


def _confidence(model: tuple[Head, Novelty], block: Block) -> Confidence:
    head, novelty = model
    probability = head.probabilities(block.rows).max(axis=1)
    return Confidence(probability.astype(np.float32), novelty.distances(block.rows).astype(np.float32))
