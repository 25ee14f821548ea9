"""How well a head does on images it has not seen: confusions, hits among the first five, examples."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from spark_job.analyses.classifier.saved_classifier import TOP, Head, Novelty
from spark_job.analyses.training.examples import Block, Examples
from spark_job.images.listing import ListedFile

EXAMPLES_PER_CONFUSION = 4

Confusion = tuple[int, int]  # (class, the one it was taken for)
Example = tuple[ListedFile, float]  # a confused image, and how probable the wrong class was held


@dataclass(frozen=True)
class Evaluation:
    """Counts over test images; they add up.

    Attributes:
        confusion: (classes, classes) int64, rows are the true classes; sparse, as 10,000 classes need.
        in_top: images whose class is among the TOP most probable.
        flagged: images that were held for unlike anything trained on.
        examples: of each confusion the most confident ones, at most EXAMPLES_PER_CONFUSION.
    """

    confusion: csr_array
    in_top: int
    flagged: int
    examples: dict[Confusion, tuple[Example, ...]]

    def __add__(self, other: "Evaluation") -> "Evaluation":
        pairs = sorted(self.examples.keys() | other.examples.keys())
        return Evaluation(
            self.confusion + other.confusion,
            self.in_top + other.in_top,
            self.flagged + other.flagged,
            {pair: _first((*self.examples.get(pair, ()), *other.examples.get(pair, ()))) for pair in pairs},
        )

    @property
    def image_count(self) -> int:
        """How many images were tested."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of images whose most probable class is theirs."""
        return float(self.confusion.trace()) / self.image_count

    @property
    def top_accuracy(self) -> float:
        """Share of images whose class is among the TOP most probable."""
        return self.in_top / self.image_count

    @property
    def precision(self) -> np.ndarray:
        """(classes,) share of those taken for a class that are of it; NaN where none was."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=0))

    @property
    def recall(self) -> np.ndarray:
        """(classes,) share of a class that was recognised; NaN where none was tested."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=1))

    def most_confused(self, limit: int) -> list[Confusion]:
        """Return the confusions that happened most often, the most frequent first."""
        counts = self.confusion.tocoo()
        wrong = np.flatnonzero((counts.row != counts.col) & (counts.data > 0))
        rows, columns = counts.row[wrong], counts.col[wrong]
        order = np.lexsort((columns, rows, -counts.data[wrong]))[:limit]
        return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))


def _shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))


def _first(examples: Iterable[Example]) -> tuple[Example, ...]:
    """Return the examples with the most confident wrong answers; by path where equal."""
    return tuple(sorted(examples, key=lambda one: (-one[1], one[0].path))[:EXAMPLES_PER_CONFUSION])


def evaluate(examples: Examples, head: Head, novelty: Novelty) -> Evaluation:
    """Count what the head says about all examples."""
    return examples.total(_evaluation, (head, novelty))


def _evaluation(model: tuple[Head, Novelty], block: Block) -> Evaluation:
    head, novelty = model
    probabilities = head.probabilities(block.rows)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    predicted = order[:, 0]
    top = np.take_along_axis(probabilities, order[:, :1], axis=1)[:, 0]
    ones, shape = np.ones(len(predicted), np.int64), (len(head.intercepts),) * 2
    confusion = csr_array((ones, (block.classes, predicted)), shape)
    examples: dict[Confusion, tuple[Example, ...]] = {}
    for index in np.flatnonzero(predicted != block.classes):
        pair = (int(block.classes[index]), int(predicted[index]))
        examples[pair] = _first((*examples.get(pair, ()), (block.images[index], float(top[index]))))
    in_top = int((order[:, :TOP] == block.classes[:, None]).sum())
    flagged = int(novelty.flagged(top, novelty.distances(block.rows)).sum())
    return Evaluation(confusion, in_top, flagged, examples)
