"""Fits a head on one table of a run, step by step along the learning curve, sets its limits, judges it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from pyspark import SparkContext
from scipy.sparse import csr_array

from spark_job.analyses.classifier.saved_classifier import TOP, Head, Novelty
from spark_job.analyses.source_run import SourceRun, VectorTable
from spark_job.analyses.training.division import Division
from spark_job.analyses.training.examples import Block, Examples
from spark_job.analyses.training.softmax_regression import Scaling, Settings, fit_scaling, fit_softmax
from spark_job.images.listing import ListedFile

FEATURES, COMPONENTS = "features", "components"
# This share of the training images is further away, and this share is recognised with less confidence.
CALIBRATION_SHARE = 0.005
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


@dataclass(frozen=True)
class CurvePoint:
    """A classifier that saw so many training images; its accuracy on those, and on all test images."""

    images: int
    training_accuracy: float
    accuracy: float


@dataclass(frozen=True)
class Trained:
    """A classifier and how well it does."""

    on: str
    length: int
    head: Head  # on features, whatever it was trained on
    losses: tuple[float, ...]  # the objective after each iteration of the last fit
    curve: tuple[CurvePoint, ...]
    novelty: Novelty
    evaluation: Evaluation


class Fitting:
    """Fits heads on the tables of a run; they are judged on features, whatever table a head learns from."""

    def __init__(
        self,
        spark: SparkContext,
        source: SourceRun,
        tested: SourceRun | None,
        division: Division,
        settings: Settings,
        say: Callable[[str], None],
        trace: Callable[[str], None] | None = None,
    ) -> None:
        """Read the features of both sides (`tested`: None for the source itself) and measure the columns."""
        self._spark, self._source, self._division, self._settings = spark, source, division, settings
        self._say, self._trace = say, trace
        features = VectorTable.features(source)
        classes, test_features = len(division.classes), VectorTable.features(tested or source)
        self._training = Examples(spark, features, division.training_choice, classes)
        self._tests = Examples(spark, test_features, division.test_choice, classes)
        self._scaling = fit_scaling(self._training, division.training_counts[-1], features.length)

    def release(self) -> None:
        self._training.release()
        self._tests.release()

    def fit_on(self, on: str) -> Trained:
        """Fit a head on FEATURES or COMPONENTS, with growing shares of the training images.

        Each share begins where the one before ended, which spares most of its iterations.
        """
        if on == FEATURES:
            return self._fit(on, self._training, self._scaling, lambda head: head)
        table, reduction = VectorTable.components(self._source), self._source.reduction()
        examples = Examples(self._spark, table, self._division.training_choice, len(self._division.classes))
        scaling = fit_scaling(examples, self._division.training_counts[-1], table.length)
        try:
            return self._fit(on, examples, scaling, lambda head: head.behind(reduction))
        finally:
            examples.release()

    def _fit(
        self, on: str, examples: Examples, scaling: Scaling, on_features: Callable[[Head], Head]
    ) -> Trained:
        weights: np.ndarray | None = None
        curve = []
        for step in self._division.distinct_steps:
            count = int(self._division.training_counts[step].sum())
            self._say(f"training on {on} of {count:,} images …")
            weights, losses = fit_softmax(examples, scaling, self._settings, step, weights, self._trace)
            head = on_features(Head.of_standardised(weights, scaling.mean, scaling.scale))
            both = [table.total(_hits, (head, step)) for table in (self._training, self._tests)]
            curve.append(CurvePoint(count, *(float(right / rows) for right, rows in both)))
        novelty = calibrate(self._training, head, self._scaling)
        evaluation = evaluate(self._tests, head, novelty)
        return Trained(on, scaling.mean.size, head, losses, tuple(curve), novelty, evaluation)


def _hits(model: tuple[Head, int], block: Block) -> np.ndarray:
    """Return (2,): right answers, and rows, up to the step."""
    head, step = model
    chosen = block.steps <= step
    predicted = head.probabilities(block.rows[chosen]).argmax(axis=1)
    return np.array([(predicted == block.classes[chosen]).sum(), chosen.sum()])


def calibrate(examples: Examples, head: Head, scaling: Scaling) -> Novelty:
    """Set both limits by what the training images show; 8 bytes an image."""
    novelty = Novelty.of(scaling.mean, scaling.scale, scaling.centres)
    probabilities, distances = np.concatenate(examples.total(_confidence, (head, novelty)), axis=1)
    return replace(
        novelty,
        max_distance=float(np.quantile(distances, 1 - CALIBRATION_SHARE)),
        min_probability=float(np.quantile(probabilities, CALIBRATION_SHARE)),
    )


def _confidence(model: tuple[Head, Novelty], block: Block) -> list[np.ndarray]:
    """Return (2, n) float32: probability of the most probable class, distance to the nearest centre."""
    head, novelty = model
    probability = head.probabilities(block.rows).max(axis=1)
    return [np.array([probability, novelty.distances(block.rows)], np.float32)]
