"""From rows with features to rows with classes: the most probable ones, and whether an image is like none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from spark_job.analyses.classifier.saved_classifier import TOP, SavedClassifier
from spark_job.arrow_arrays import flags, optional_numbers, texts
from spark_job.features.extraction import FEATURES_SCHEMA
from spark_job.features.table import matrix

KEPT_COLUMNS = ("path", "label", "split", "size", "etag", "width", "height")
CLASS_COLUMNS = tuple(f"class_{place}" for place in range(1, TOP + 1))
PROBABILITY_COLUMNS = tuple(f"probability_{place}" for place in range(1, TOP + 1))

_COLUMNS: list[tuple[str, pa.DataType]] = [
    *((name, FEATURES_SCHEMA.field(name).type) for name in KEPT_COLUMNS),
    *((name, pa.string()) for name in CLASS_COLUMNS),
    *((name, pa.float32()) for name in PROBABILITY_COLUMNS),
    ("distance", pa.float32()),
    ("unlike", pa.bool_()),
    ("error", pa.string()),
]
PREDICTIONS_SCHEMA = pa.schema(_COLUMNS)


@dataclass(frozen=True)
class Answer:
    """The answer for one image.

    Attributes:
        classes: the most probable ones, at most TOP, first the most probable.
        distance: to the nearest class, 0 to 2.
    """

    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    distance: float
    unlike: bool


def answers(classifier: SavedClassifier, features: np.ndarray) -> list[Answer]:
    """Return an answer for each of (n, d) float32 rows."""
    names = classifier.description.classes
    probabilities = classifier.head.probabilities(features)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    best = np.take_along_axis(probabilities, order, axis=1)
    distances = classifier.novelty.distances(features)
    flags = classifier.novelty.flagged(best[:, 0], distances)
    return [
        Answer(tuple(names[index] for index in places), tuple(shares.tolist()), float(distance), bool(flag))
        for places, shares, distance, flag in zip(order.tolist(), best, distances, flags, strict=True)
    ]


def answered(
    classifier: SavedClassifier, batch: pa.RecordBatch
) -> tuple[pa.RecordBatch, list[Answer | None]]:
    """Turn rows of FEATURES_SCHEMA into rows of PREDICTIONS_SCHEMA and answers; None for rejected images."""
    usable = batch.filter(batch.column("features").is_valid())
    given = iter(answers(classifier, matrix(usable.column("features"))) if usable.num_rows else ())
    row_answers = [next(given) if error is None else None for error in batch.column("error").to_pylist()]
    columns = [
        *(batch.column(name) for name in KEPT_COLUMNS),
        *(texts(column) for column in _by_place([one.classes if one else () for one in row_answers])),
        *(
            optional_numbers(column, np.float32)
            for column in _by_place([one.probabilities if one else () for one in row_answers])
        ),
        optional_numbers([one.distance if one else None for one in row_answers], np.float32),
        flags([one.unlike if one else None for one in row_answers]),
        batch.column("error"),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PREDICTIONS_SCHEMA), row_answers


def _by_place(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return TOP columns of rows that may be shorter; None where they are."""
    return list(zip(*((*row, *[None] * TOP)[:TOP] for row in rows), strict=True))
