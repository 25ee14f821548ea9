"""Fits a head on one table of a run, step by step along the learning curve, sets its limits, judges it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from pyspark import SparkContext

from spark_job.analyses.classifier.saved_classifier import Head, Novelty
from spark_job.analyses.source_run import SourceRun
from spark_job.analyses.training.division import Division
from spark_job.analyses.training.evaluation import CurvePoint, Evaluation, evaluate, measure_point
from spark_job.analyses.training.examples import Block, Examples, components_of, features_of
from spark_job.analyses.training.softmax_regression import Scaling, Settings, fit_scaling, fit_softmax

FEATURES, COMPONENTS = "features", "components"
# This share of the training images is further away, and this share is recognised with less confidence.
CALIBRATION_SHARE = 0.005


@dataclass(frozen=True)
class Trained:
    """A classifier and how well it does.

    Attributes:
        on: the table it was trained on.
        length: of that table's vectors.
        head: on features, whatever it was trained on.
        losses: the objective after each iteration of the last fit.
    """

    on: str
    length: int
    head: Head
    losses: tuple[float, ...]
    curve: tuple[CurvePoint, ...]
    novelty: Novelty
    evaluation: Evaluation


@dataclass(frozen=True)
class Material:
    """What heads are fitted on and judged by: features, whatever table a head learns from.

    Attributes:
        say: called with each line of progress.
        trace: called with the loss after each iteration; None: nobody wants it.
    """

    spark: SparkContext
    source: SourceRun
    division: Division
    training: Examples
    tests: Examples
    scaling: Scaling
    say: Callable[[str], None]
    trace: Callable[[str], None] | None

    @classmethod
    def of(
        cls,
        spark: SparkContext,
        source: SourceRun,
        tested: SourceRun | None,
        division: Division,
        say: Callable[[str], None],
        trace: Callable[[str], None] | None = None,
    ) -> "Material":
        """Read the rows of both sides and measure the columns.

        Args:
            tested: the run that tests; None for the source itself.
        """
        features = features_of(source)
        training = Examples(spark, features, partial(training_choice, division))
        tests = Examples(spark, features_of(tested or source), partial(test_choice, division))
        scaling = fit_scaling(training, division.training_counts[-1], features.length)
        return cls(spark, source, division, training, tests, scaling, say, trace)

    def release(self) -> None:
        """Let Spark forget the rows."""
        self.training.release()
        self.tests.release()


def training_choice(division: Division, label: str, split: str, path: str) -> tuple[int, int] | None:
    """Return (class, step) of an image that trains."""
    step = division.training_step(label, split, path)
    return None if step is None else (division.number_of(label), step)


def test_choice(division: Division, label: str, split: str, path: str) -> tuple[int, int] | None:
    """Return (class, 0) of an image that tests."""
    return (division.number_of(label), 0) if division.tests(label, split, path) else None


def fit_on(material: Material, on: str, settings: Settings) -> Trained:
    """Fit a head on FEATURES or COMPONENTS, with growing shares of the training images.

    Each share begins where the one before ended, which spares most of its iterations.
    """
    if on == FEATURES:
        return _fit(material, on, material.training, material.scaling, settings, lambda head: head)
    table, reduction = components_of(material.source), material.source.reduction()
    examples = Examples(material.spark, table, partial(training_choice, material.division))
    scaling = fit_scaling(examples, material.division.training_counts[-1], table.length)
    try:
        return _fit(material, on, examples, scaling, settings, lambda head: head.behind(reduction))
    finally:
        examples.release()


def _fit(
    material: Material,
    on: str,
    examples: Examples,
    scaling: Scaling,
    settings: Settings,
    on_features: Callable[[Head], Head],
) -> Trained:
    weights: np.ndarray | None = None
    curve = []
    for step in material.division.distinct_steps:
        counts = material.division.training_counts[step]
        material.say(f"training on {on} of {counts.sum():,} images …")
        fit = fit_softmax(examples, scaling, settings, step, weights, material.trace)
        weights, head = (
            fit.weights,
            on_features(Head.of_standardised(fit.weights, scaling.mean, scaling.scale)),
        )
        curve.append(measure_point(int(counts.sum()), head, step, material.training, material.tests))
    novelty = calibrate(material.training, head, material.scaling)
    evaluation = evaluate(material.tests, head, novelty)
    return Trained(on, scaling.mean.size, head, fit.losses, tuple(curve), novelty, evaluation)


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
