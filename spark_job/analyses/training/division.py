"""Which images train the classifier and which test it; within each class by a draw that the seed decides."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from pyspark import SparkContext

from spark_job.analyses.runs import VectorTable
from spark_job.contract.errors import MisuseError
from spark_job.features.table import read_labelled
from spark_job.images.sampling import draw

# How the folders above the classes are called; images.names says which names are splits.
TRAINING, TEST, VALIDATION = "training", "test", "validation"
SPLITS = {"training": TRAINING, "train": TRAINING, "test": TEST, "testing": TEST}
SPLITS |= dict.fromkeys(("validation", "valid", "val"), VALIDATION)
CURVE = (0.1, 0.25, 0.5, 1.0)  # shares of the training images at which the learning curve is measured

Draws = dict[tuple[str, str], np.ndarray]
Key = TypeVar("Key", bound=Any)  # sorts


@dataclass(frozen=True)
class Division:
    """The part that each image has."""

    seed: int
    classes: tuple[str, ...]  # those that are trained, by name
    training_split: str | None  # the split that trains; None: every image
    test_split: str | None
    test_below: Mapping[str, int]  # class -> images with a smaller draw test instead of training
    step_limits: Mapping[str, tuple[int, ...]]  # class -> the largest draw that each share of CURVE takes
    training_counts: np.ndarray  # (steps, classes), how many images each step trains with
    test_counts: np.ndarray  # (classes,)
    unknown: int  # test images of classes that were not trained
    unlabelled: int = 0  # images without a class, which take no part

    @property
    def rule(self) -> str:
        if self.test_below:
            return "held out from each class, by seed"
        return "by the folder above the class" if self.test_split else "another run"

    @property
    def distinct_steps(self) -> list[int]:
        """The steps of the curve, of equal ones the last: small classes are not cut as finely as that."""
        images = self.training_counts.sum(axis=1).tolist()
        return [step for step, count in enumerate(images) if count not in images[step + 1 :]]

    def training_choice(self, label: str, split: str, path: str) -> tuple[int, int] | None:
        """Return (class, first step of the learning curve) of an image that trains, else None."""
        if label not in self.step_limits or self.training_split not in (None, _kind(split)):
            return None
        drawn = draw(self.seed, path)
        if drawn < self.test_below.get(label, 0):
            return None
        step = next(step for step, limit in enumerate(self.step_limits[label]) if drawn <= limit)
        return bisect_left(self.classes, label), step

    def test_choice(self, label: str, split: str, path: str) -> tuple[int, int] | None:
        """Return (class, 0) of an image that tests, else None."""
        if label not in self.step_limits or self.test_split not in (None, _kind(split)):
            return None
        if self.test_below and draw(self.seed, path) >= self.test_below[label]:
            return None
        return bisect_left(self.classes, label), 0


def draws_of(spark: SparkContext, table: VectorTable, seed: int) -> Draws:
    """Return (kind of split, class) -> the draws of its usable images, ascending, 8 bytes an image."""
    parts = spark.parallelize(table.parts, len(table.parts))
    return _joined(parts.flatMap(lambda uri: _draws(uri, table.label, seed).items()).collect())


def _draws(uri: str, label_column: str, seed: int) -> Draws:
    drawn: dict[tuple[str, str], list[int]] = defaultdict(list)
    for batch in read_labelled(uri, ["path", "label", "split", "error"], label_column):
        columns = (batch.column(name).to_pylist() for name in ("path", "label", "split", "error"))
        for path, label, split, error in zip(*columns, strict=True):
            if error is None:
                drawn[_kind(split), label].append(draw(seed, path))
    return {key: np.array(numbers, np.uint64) for key, numbers in drawn.items()}


def _kind(split: str) -> str:
    return SPLITS.get(split.casefold(), "")


def divide(draws: Draws, test_draws: Draws | None, held_out: float, seed: int) -> Division:
    """Tell training from test images; MisuseError: fewer than two classes, or nothing to test with."""
    all_draws = chain(draws.items(), (test_draws or {}).items())
    no_label = sum(len(drawn) for (_, label), drawn in all_draws if not label)
    draws = _labelled(draws)
    kinds = {kind for kind, _ in draws}
    training_kind = test_kind = None
    below: dict[str, int] = {}
    if test_draws is not None:
        training, test = by_class(draws), by_class(_labelled(test_draws))
    elif TRAINING in kinds and kinds & {TEST, VALIDATION}:
        training_kind, test_kind = TRAINING, TEST if TEST in kinds else VALIDATION
        training, test = by_class(draws, training_kind), by_class(draws, test_kind)
    else:
        training, test = {}, {}
        for label, drawn in by_class(draws).items():
            count = min(max(1, round(held_out * len(drawn))), len(drawn) - 1)
            test[label], training[label] = drawn[:count], drawn[count:]
            below[label] = int(drawn[count])
    if len(training) < 2:
        raise MisuseError(
            f"a classifier needs at least two classes; the training images have {len(training)}: name a run "
            "with others, or the column that says them by --label"
        )
    classes = tuple(training)
    tested = np.array([len(test.get(label, ())) for label in classes])
    if not tested.any():
        raise MisuseError(
            "no image of the trained classes is left to test with: give more images, or --test-features"
        )
    counts = np.array([[max(1, round(share * len(training[one]))) for one in classes] for share in CURVE])
    limits = {one: tuple(training[one][counts[:, at] - 1].tolist()) for at, one in enumerate(classes)}
    unknown = sum(len(drawn) for label, drawn in test.items() if label not in training)
    return Division(seed, classes, training_kind, test_kind, below, limits, counts, tested, unknown, no_label)


def _labelled(draws: Draws) -> Draws:
    return {(kind, label): drawn for (kind, label), drawn in draws.items() if label}


def by_class(draws: Draws, kind: str | None = None) -> dict[str, np.ndarray]:
    """Return class -> its draws, ascending, of one kind of split or of all."""
    return _joined((label, drawn) for (of, label), drawn in draws.items() if kind in (None, of))


def _joined(draws: Iterable[tuple[Key, np.ndarray]]) -> dict[Key, np.ndarray]:
    joined = defaultdict(list)
    for key, drawn in draws:
        joined[key].append(drawn)
    return {key: np.sort(np.concatenate(drawn)) for key, drawn in sorted(joined.items())}
