"""What became of images that were recognised: counts, and a few of them to show."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from spark_job.analyses.prediction.recogniser import Answer
from spark_job.images.listing import ListedFile
from spark_job.images.sampling import draw

SHOWN = 60


@dataclass(frozen=True)
class Shown:
    """An image and what was said of it; `order` decides which ones are kept, the smallest first."""

    order: float
    path: str
    size: int
    answer: Answer

    @property
    def file(self) -> ListedFile:
        """As the images' readers want it."""
        return ListedFile(self.path, "", "", self.size, "")


@dataclass(frozen=True)
class Outcome:
    """Counts over images; they add up.

    Attributes:
        predicted: class -> images whose most probable class it is.
        unlike: images that are like nothing trained on.
        labelled, right: images that lie in a folder named like a class; those that were taken for it.
        sample, strangest: at most SHOWN, drawn by chance; of those that are flagged, the least probable.
    """

    predicted: Counter[str] = field(default_factory=Counter)
    unlike: int = 0
    rejected: int = 0
    labelled: int = 0
    right: int = 0
    sample: tuple[Shown, ...] = ()
    strangest: tuple[Shown, ...] = ()

    @classmethod
    def of(cls, rows: pa.RecordBatch, answers: Sequence[Answer | None], classes: Iterable[str]) -> "Outcome":
        """Of rows of PREDICTIONS_SCHEMA and their answers."""
        paths, labels, sizes = rows.select(["path", "label", "size"]).to_pydict().values()
        known = set(classes)
        given = [
            (path, label, size, one)
            for path, label, size, one in zip(paths, labels, sizes, answers, strict=True)
            if one is not None
        ]
        return cls(
            Counter(one.classes[0] for *_, one in given),
            sum(one.unlike for *_, one in given),
            len(paths) - len(given),
            sum(label in known for _, label, *_ in given),
            sum(label == one.classes[0] for _, label, _, one in given),
            _first(Shown(draw(0, path), path, size, one) for path, _, size, one in given),
            _first(
                Shown(one.probabilities[0], path, size, one) for path, _, size, one in given if one.unlike
            ),
        )

    def __add__(self, other: "Outcome") -> "Outcome":
        """Both together."""
        return Outcome(
            self.predicted + other.predicted,
            self.unlike + other.unlike,
            self.rejected + other.rejected,
            self.labelled + other.labelled,
            self.right + other.right,
            _first((*self.sample, *other.sample)),
            _first((*self.strangest, *other.strangest)),
        )

    @property
    def images(self) -> int:
        """How many were recognised, flagged ones included."""
        return self.predicted.total()


def _first(images: Iterable[Shown]) -> tuple[Shown, ...]:
    return tuple(sorted(images, key=lambda one: (one.order, one.path))[:SHOWN])
