"""Fits a head on one table of a run, step by step along the learning curve, sets its limits, judges it."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from pyspark import SparkContext
from scipy.sparse import csr_array

from spark_job.analyses.classifier import TOP, Head, Novelty
from spark_job.analyses.runs import Say, SourceRun, VectorTable
from spark_job.analyses.training.division import Division
from spark_job.analyses.training.softmax import Block, Examples, Scaling, Settings, fit_scaling, fit_softmax
from spark_job.reduction.principal_components import Reduction
from spark_job.session import First, Sum, Sums

FEATURES, COMPONENTS = "features", "components"
# This share of the training images is further away, and this share is recognised with less confidence.
CALIBRATION_SHARE = 0.005

Confusion = tuple[int, int]  # (class, the one it was taken for)


class Confused(First):
    """The confused images whose wrong answers are the most confident; by path where equal."""

    most = 4


@dataclass(frozen=True)
class Evaluation(Sum):
    """Counts over test images; they add up."""

    confusion: csr_array  # (classes, classes) int64, rows the true ones; sparse: there may be 10,000
    in_top: int  # images whose class is among the TOP most probable
    flagged: int  # images that were held for unlike anything trained on
    examples: Sums[Confusion, Confused]  # a few images, with the probability of the wrong class

    @property
    def image_count(self) -> int:
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        return float(self.confusion.trace()) / self.image_count

    @property
    def top_accuracy(self) -> float:
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


def evaluate(model: tuple[Head, Novelty], block: Block) -> Evaluation:
    """Count what the head says about the rows of a block."""
    head, novelty = model
    probabilities = head.probabilities(block.rows)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    predicted = order[:, 0]
    top = np.take_along_axis(probabilities, order[:, :1], axis=1)[:, 0]
    ones, shape = np.ones(len(predicted), np.int64), (len(head.intercepts),) * 2
    confusion = csr_array((ones, (block.classes, predicted)), shape)
    wrong: dict[Confusion, list[Any]] = defaultdict(list)
    for index in np.flatnonzero(predicted != block.classes).tolist():
        image, probability = block.images[index], float(top[index])
        pair = int(block.classes[index]), int(predicted[index])
        wrong[pair].append(((-probability, image.path), (image, probability)))
    examples = Sums({pair: Confused(some) for pair, some in wrong.items()})
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


def fit_heads(
    spark: SparkContext,
    source: SourceRun,
    tested: SourceRun | None,
    division: Division,
    tables: Sequence[str],
    settings: Settings,
    say: Say,
    trace: Say | None = None,
) -> list[Trained]:
    """Fit a head on each of these tables; each share of the images begins where the one before ended."""
    features, counts = VectorTable.features(source), division.training_counts
    keep = partial(Examples, spark, classes=len(division.classes))

    def fit(on: str, examples: Examples, scaling: Scaling, reduction: Reduction | None) -> Trained:
        weights: np.ndarray | None = None
        curve = []
        for step in division.distinct_steps:
            count = int(counts[step].sum())
            say(f"training on {on} of {count:,} images …")
            weights, losses = fit_softmax(examples, scaling, settings, step, weights, trace)
            head = Head.of_standardised(weights, scaling.mean, scaling.scale)
            head = head.behind(reduction) if reduction else head
            both = [rows.total(_hits, (head, step)) for rows in (training, tests)]
            curve.append(CurvePoint(count, *(float(right / rows) for right, rows in both)))
        novelty = calibrate(training, head, features_scaling)
        evaluation = tests.total(evaluate, (head, novelty))
        return Trained(on, scaling.mean.size, head, losses, tuple(curve), novelty, evaluation)

    with (
        closing(keep(features, division.training_choice)) as training,
        closing(keep(VectorTable.features(tested or source), division.test_choice)) as tests,
    ):
        features_scaling, trained = fit_scaling(training, counts[-1], features.length), []
        for on in tables:
            if on == FEATURES:
                trained.append(fit(on, training, features_scaling, None))
                continue
            table = VectorTable.components(source)
            with closing(keep(table, division.training_choice)) as examples:
                scaling = fit_scaling(examples, counts[-1], table.length)
                trained.append(fit(on, examples, scaling, source.reduction()))
        return trained


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
