"""The figures of a training: for `metrics.json`, and for the person who waits for them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from spark_job.analyses.classifier.head import TOP
from spark_job.analyses.summary import Lines
from spark_job.analyses.training.division import Division
from spark_job.analyses.training.fitting import Trained
from spark_job.report.palette import class_name
from spark_job.report.quantities import percent


def majority_baseline(division: Division) -> float:
    """Return the accuracy of always naming the class that has most training images."""
    most = int(division.training_counts[-1].argmax())
    return float(division.test_counts[most] / division.test_counts.sum())


def training_metrics(division: Division, trained: Sequence[Trained]) -> dict[str, Any]:
    """Return the figures of the saved classifier, and of each table that one was trained on."""
    first = trained[0]
    return {
        "classifier": {
            "on": first.on,
            **_quality(first),
            "majority_baseline": majority_baseline(division),
            "classes": len(division.classes),
            "training_images": int(division.training_counts[-1].sum()),
            "test_images": int(division.test_counts.sum()),
            "test_images_of_unknown_classes": division.unknown,
            "test_images_chosen": division.rule,
            "min_probability": first.novelty.min_probability,
            "max_distance": first.novelty.max_distance,
        },
        "by_table": {one.on: {"columns": one.length, **_quality(one)} for one in trained},
        "learning_curve": {one.on: [asdict(point) for point in one.curve] for one in trained},
    }


def _quality(trained: Trained) -> dict[str, Any]:
    evaluation = trained.evaluation
    return {
        "accuracy": evaluation.accuracy,
        "top_5_accuracy": evaluation.top_accuracy,
        "macro_precision": float(np.nanmean(evaluation.precision)),
        "macro_recall": float(np.nanmean(evaluation.recall)),
        "flagged_test_images": evaluation.flagged / evaluation.image_count,
        "loss": trained.losses[-1] if trained.losses else None,
        "iterations": len(trained.losses),
    }


def training_findings(division: Division, trained: Sequence[Trained]) -> Lines:
    """Return the lines that a training ends with: accuracy, baseline, the most confused pair."""
    first = trained[0].evaluation
    lines = [
        (
            "accuracy",
            f"{percent(first.accuracy)} of {first.image_count:,} test images, "
            f"{percent(first.top_accuracy)} among the first {TOP} ({trained[0].on})",
        )
    ]
    lines += [("", f"{percent(other.evaluation.accuracy)} on {other.on}") for other in trained[1:]]
    lines.append(
        ("baseline", f"{percent(majority_baseline(division))}: always the class with most training images")
    )
    return [*lines, ("confused", _most_confused(division, trained[0]))]


def _most_confused(division: Division, trained: Trained) -> str:
    pairs = trained.evaluation.most_confused(1)
    if not pairs:
        return "no class with another"
    true, predicted = pairs[0]
    names = [class_name(division.classes[number]) for number in pairs[0]]
    wrong, tested = trained.evaluation.confusion[true, predicted], trained.evaluation.confusion[true].sum()
    return f"{names[0]} taken for {names[1]}: {wrong:,} of {tested:,} images"
