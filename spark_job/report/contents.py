"""What a report shows, as plain values; the report reads nothing else."""

from dataclasses import dataclass, field

import numpy as np

from spark_job.extractors.specification import ExtractorSpecification
from spark_job.reduction.drift import Drift


@dataclass(frozen=True)
class ClassCount:
    """How many images of one class were usable and how many were not."""

    label: str
    usable: int
    rejected: int


@dataclass(frozen=True)
class RejectedImage:
    """An image that could not be used; `thumbnail` is a small JPEG of what could still be decoded."""

    path: str
    error: str
    thumbnail: bytes | None = None


@dataclass(frozen=True)
class Point:
    """One image on the factor planes; `thumbnail` is a small JPEG."""

    path: str
    label: str
    split: str
    thumbnail: bytes | None = None


@dataclass(frozen=True)
class ReportContents:
    """Everything a report shows.

    Attributes:
        command: the shell command that repeats the run.
        notes: sentences a reader must not miss, such as "the weights are random".
        skipped: reason -> number of files that were skipped.
        rejected: the first images that could not be used; `image_counts["rejected"]` counts all.
        image_counts: `listed`, `usable`, `rejected`, `skipped`.
        explained_variance_ratio: (d,) float64, descending; empty when nothing was reduced.
        component_count: k, how many of them were kept.
        points: a sample of the usable images, balanced over classes.
        components: (len(points), k) float32, their principal components.
        drift: of new images from those that the reduction was fitted on; None when it was fitted on these.
    """

    run_id: str
    created: str
    command: str
    extractor: ExtractorSpecification
    parameters: dict[str, str]
    versions: dict[str, str]
    image_counts: dict[str, int]
    seconds: dict[str, float]
    images_per_second: float
    component_count: int
    explained_variance_ratio: np.ndarray
    points: list[Point]
    components: np.ndarray
    classes: list[ClassCount] = field(default_factory=list)
    rejected: list[RejectedImage] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    drift: Drift | None = None
