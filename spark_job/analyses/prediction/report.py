"""What is recognised on images: answers, counts, a few images to show, and the report."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from spark_job.analyses.classifier import TOP, SavedClassifier
from spark_job.analyses.runs import Lines, SourceRun, galleries
from spark_job.arrow_tables import array, texts
from spark_job.contract.run_options import ImageLimits
from spark_job.contract.uris import last_name
from spark_job.features.extraction import FEATURES_SCHEMA
from spark_job.features.table import matrix
from spark_job.images.listing import listed_files
from spark_job.images.sampling import draw
from spark_job.report.document import Document, Gallery, Number, Section, Table
from spark_job.report.words import class_name, count, percent
from spark_job.session import First, Sum

KEPT_COLUMNS = ("path", "label", "split", "size", "etag", "width", "height")
PREDICTIONS_SCHEMA = pa.schema(
    {
        **{name: FEATURES_SCHEMA.field(name).type for name in KEPT_COLUMNS},
        **{f"class_{place}": pa.string() for place in range(1, TOP + 1)},
        **{f"probability_{place}": pa.float32() for place in range(1, TOP + 1)},
        "distance": pa.float32(),
        "unlike": pa.bool_(),
        "error": pa.string(),
    }
)
TRAINED_ON = "images that the classifier was trained on make it too good"
LISTED = 20  # so many images are listed one by one on the command line
MOST_FREQUENT = 5  # so many classes are named there otherwise


@dataclass(frozen=True)
class Answer:
    """The answer for one image."""

    classes: tuple[str, ...]  # the most probable ones, at most TOP, first the most probable
    probabilities: tuple[float, ...]
    distance: float  # to the nearest class, 0 to 2
    unlike: bool


def answered(model: SavedClassifier, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, list[Answer | None]]:
    """Turn rows of FEATURES_SCHEMA into rows of PREDICTIONS_SCHEMA and answers; None for rejected images."""
    row_answers: list[Answer | None] = [None] * batch.num_rows
    places = [at for at, error in enumerate(batch.column("error").to_pylist()) if error is None]
    if places:
        names, novelty = model.description.classes, model.novelty
        features = matrix(batch.filter(batch.column("features").is_valid()).column("features"))
        shares = model.head.probabilities(features)
        order = np.argsort(-shares, axis=1, kind="stable")[:, :TOP]
        best, distances = np.take_along_axis(shares, order, axis=1), novelty.distances(features)
        flags = novelty.flagged(best[:, 0], distances)
        for row, place in enumerate(places):
            classes = tuple(names[index] for index in order[row])
            probabilities = tuple(best[row].tolist())
            row_answers[place] = Answer(classes, probabilities, float(distances[row]), bool(flags[row]))
    named = _by_place([one.classes if one else () for one in row_answers])
    sure = _by_place([one.probabilities if one else () for one in row_answers])
    columns = [
        *(batch.column(name) for name in KEPT_COLUMNS),
        *map(texts, named),
        *(array(column, pa.float32()) for column in sure),
        array([one.distance if one else None for one in row_answers], pa.float32()),
        array([one.unlike if one else None for one in row_answers], pa.bool_()),
        batch.column("error"),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PREDICTIONS_SCHEMA), row_answers


def _by_place(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return TOP columns of rows that may be shorter; None where they are."""
    return list(zip(*((*row, *[None] * TOP)[:TOP] for row in rows), strict=True))


class Few(First):
    """Images and what was said of them, ranked by a number and their path."""

    most = 60


@dataclass(frozen=True)
class Outcome(Sum):
    """Counts over images; they add up."""

    predicted: Counter[str] = field(default_factory=Counter)  # class -> images that it is most probable for
    unlike: int = 0  # images that are like nothing trained on
    rejected: int = 0
    labelled: int = 0  # images whose label is one of the classes
    right: int = 0  # those that were taken for it
    sample: Few = field(default_factory=Few)  # drawn by chance
    strangest: Few = field(default_factory=Few)  # of those that are flagged, the least probable

    @classmethod
    def of(cls, rows: pa.RecordBatch, answers: Sequence[Answer | None], classes: Iterable[str]) -> "Outcome":
        """Count rows of PREDICTIONS_SCHEMA and their answers."""
        known, images = set(classes), listed_files(rows)
        given = [(image, one) for image, one in zip(images, answers, strict=True) if one is not None]
        return cls(
            Counter(one.classes[0] for _, one in given),
            sum(one.unlike for _, one in given),
            len(images) - len(given),
            sum(image.label in known for image, _ in given),
            sum(image.label == one.classes[0] for image, one in given),
            Few(((draw(0, image.path), image.path), (image, one)) for image, one in given),
            Few(((one.probabilities[0], image.path), (image, one)) for image, one in given if one.unlike),
        )

    @property
    def image_count(self) -> int:
        """How many images were recognised, flagged ones included."""
        return self.predicted.total()

    def figures(self) -> dict[str, Any]:
        """Return what metrics.json says; accuracy is of the images whose label is one of the classes."""
        return {
            "unlike": self.unlike,
            "labelled": self.labelled,
            "accuracy": self.right / self.labelled if self.labelled else None,
            "classes": dict(self.predicted.most_common()),
        }

    @property
    def is_listed(self) -> bool:
        return self.image_count <= LISTED

    def listed(self) -> list[dict[str, Any]]:
        """Return the answer for each image, by path, JSON types."""
        return [
            {
                "path": image.path,
                "classes": dict(zip(answer.classes, answer.probabilities, strict=True)),
                "unlike": answer.unlike,
            }
            for (_, _), (image, answer) in sorted(self.sample, key=lambda one: one[0][1])
        ]

    def findings(self) -> Lines:
        """Return the lines that a prediction ends with: few images one by one, of many the classes."""
        counts = f"{self.image_count:,} recognised, {self.unlike:,} unlike anything trained on, "
        lines = [("images", f"{counts}{self.rejected:,} rejected")]
        if self.labelled:
            right = f"{percent(self.right / self.labelled)} of the {self.labelled:,} images"
            lines.append(("accuracy", f"{right} whose label is one of its classes; {TRAINED_ON}"))
        if self.is_listed:
            for image in self.listed():
                shares = (f"{class_name(name)} {percent(share)}" for name, share in image["classes"].items())
                unlike = " - unlike anything trained on" if image["unlike"] else ""
                lines.append(("image", f"{image['path']}: {', '.join(shares)}{unlike}"))
            return lines
        most = self.predicted.most_common(MOST_FREQUENT)
        classes = [f"{class_name(name)} {images:,}" for name, images in most]
        rest = len(self.predicted) - len(classes)
        return [*lines, ("classes", ", ".join(classes) + (f" and {rest:,} more" if rest > 0 else ""))]


def prediction_document(trained: SourceRun, outcome: Outcome) -> Document:
    """Return the report; it reads some of the photographs again for their small pictures."""
    tiles = {
        "Images": count(outcome.image_count),
        "Classes found": count(len(outcome.predicted)),
        "Unlike anything trained on": count(outcome.unlike),
        "Rejected": count(outcome.rejected),
    }
    if outcome.labelled:
        tiles["Accuracy by label"] = percent(outcome.right / outcome.labelled)
    some = f"{len(outcome.sample)} of {outcome.image_count:,} photographs, drawn by chance"
    caption = "All photographs" if len(outcome.sample) == outcome.image_count else some
    rows = [
        (class_name(label), Number(count(images)), Number(percent(images / outcome.image_count)))
        for label, images in outcome.predicted.most_common()
    ]
    table = Table("Classes by how often they were recognised", ["Class", "Images", "Share"], rows)
    sections = [Section("What is on the photographs", [_gallery(caption, outcome.sample), table])]
    if outcome.strangest:
        caption = (
            "The least certain ones first; they may be of a class that was never trained, or no fruit at all"
        )
        sections.append(Section("Unlike anything trained on", [_gallery(caption, outcome.strangest)]))
    return Document(
        title="Predictions",
        subtitle=f"By the classifier {trained.run_id}",
        tiles=tiles,
        sections=sections,
        notes=[f"Accuracy by label: {TRAINED_ON}."] if outcome.labelled else [],
    )


def _gallery(caption: str, shown: Few) -> Gallery:
    named = []
    for _, (image, answer) in shown:
        flag = ", unlike anything trained on" if answer.unlike else ""
        note = f"{last_name(image.path)}: {percent(answer.probabilities[0])}{flag}"
        named.append((image, class_name(answer.classes[0]), note))
    return galleries([(caption, named)], ImageLimits())[0]
