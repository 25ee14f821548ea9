"""How accuracy grows with the number of training images."""

from dataclasses import dataclass

import numpy as np

from spark_job.analyses.recognition.examples import Block, Examples
from spark_job.analyses.recognition.head import Head


@dataclass(frozen=True)
class CurvePoint:
    """A classifier that saw only some of the training images.

    Attributes:
        images: that it saw.
        training_accuracy: on those; `accuracy`: on all test images.
    """

    images: int
    training_accuracy: float
    accuracy: float


def measure_point(images: int, head: Head, step: int, training: Examples, tests: Examples) -> CurvePoint:
    """Judge a head that was trained up to a step; both tables hold features."""
    seen, unseen = (table.total(_hits, (head, step)) for table in (training, tests))
    return CurvePoint(images, float(seen[0] / seen[1]), float(unseen[0] / unseen[1]))


def _hits(model: tuple[Head, int], block: Block) -> np.ndarray:
    """(2,) right ones, all; of rows up to the step."""
    head, step = model
    chosen = block.steps <= step
    predicted = head.probabilities(block.rows[chosen]).argmax(axis=1)
    return np.array([(predicted == block.classes[chosen]).sum(), chosen.sum()])
