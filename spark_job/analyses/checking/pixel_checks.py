"""What the measures of the pixels say: each photograph for itself, and against all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from spark_job.analyses.checking.findings import Finding, Thresholds
from spark_job.arrow_tables import read_part
from spark_job.features.extraction import QUALITY_SCHEMA
from spark_job.features.table import read_labelled
from spark_job.images.listing import IMAGE_COLUMNS, listed_files

# CleanVision's: entropy and deviations are scaled to scores so.
ENTROPY_FACTOR, BLUR_FACTOR, GREYS_COUNT_FROM = 0.1, 0.01, 0.18
HASH_DIGITS = 16
MEASURES = QUALITY_SCHEMA.names
# What photographs are compared by, 24 bytes each: square root of the area, hashes.
SURVEYED = np.dtype([("size", np.float64), ("pixel_hash", np.uint64), ("perceptual_hash", np.uint64)])


def survey_part(uri: str) -> list[tuple[np.ndarray, int]]:
    """Return (n,) SURVEYED of each batch of one part of the features table, and how many have no measures."""
    surveyed = []
    for batch in read_part(uri, ("width", "height", "error", "pixel_hash", "perceptual_hash")):
        measured = batch.filter(batch.column("pixel_hash").is_valid())
        rows = np.empty(measured.num_rows, SURVEYED)
        rows["size"] = _sizes(measured)
        for name in ("pixel_hash", "perceptual_hash"):
            rows[name] = _keys(measured.column(name).to_pylist())
        surveyed.append((rows, batch.column("error").null_count - measured.num_rows))
    return surveyed


def _sizes(batch: pa.RecordBatch) -> np.ndarray:
    width, height = (np.array(batch.column(name).to_pylist(), np.float64) for name in ("width", "height"))
    return np.asarray(np.sqrt(width) * np.sqrt(height))


def _keys(hashes: list[Any]) -> np.ndarray:
    """Return (n,) uint64: the first 16 hex digits of each hash."""
    digits = "".join(one[:HASH_DIGITS] for one in hashes)
    return np.frombuffer(bytes.fromhex(digits), ">u8").astype(np.uint64)


@dataclass(frozen=True)
class Surroundings:
    """What a photograph is compared with."""

    smallest: float  # of the sizes that are not odd
    largest: float
    exact: dict[int, int]  # key of a pixel hash that several photographs have -> how many
    near: dict[int, int]  # the same of perceptual hashes

    @classmethod
    def of(cls, survey: np.ndarray, thresholds: Thresholds) -> Surroundings:
        """Derive them from all photographs, (n,) SURVEYED."""
        if not survey.size:
            return cls(0, np.inf, {}, {})
        first, third = np.percentile(survey["size"], [25, 75])
        reach = thresholds.odd_size * (third - first)
        exact = _repeated(survey["pixel_hash"])
        # A set whose pixels are all the same is one of exact duplicates, and no more.
        _, one_of_each = np.unique(survey["pixel_hash"], return_index=True)
        looks = survey["perceptual_hash"]
        different = _repeated(looks[one_of_each])
        near = {key: count for key, count in _repeated(looks).items() if key in different}
        return cls(float(first - reach), float(third + reach), exact, near)


def _repeated(keys: np.ndarray) -> dict[int, int]:
    values, counts = np.unique(keys, return_counts=True)
    return dict(zip(values[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True))


def pixel_findings(uri: str, around: Surroundings, thresholds: Thresholds, label: str) -> Iterator[Finding]:
    """Yield the findings of one part of the features table; `label` is the column that says the class."""
    for batch in read_labelled(uri, (*IMAGE_COLUMNS, "width", "height", "damage", *MEASURES), label):
        if "damage" in batch.schema.names:  # not in the tables of earlier versions
            damaged = batch.filter(batch.column("damage").is_valid())
            sentences: list[Any] = damaged.column("damage").to_pylist()
            for image, sentence in zip(listed_files(damaged), sentences, strict=True):
                yield Finding(image, "damaged", 0.0, sentence)
        measured = batch.filter(batch.column("pixel_hash").is_valid())
        images = listed_files(measured)
        for issue, (flagged, scores) in _scores(measured, around, thresholds).items():
            for place in np.flatnonzero(flagged).tolist():
                yield Finding(images[place], issue, float(scores[place]))
        for issue, column, repeated in (
            ("exact_duplicates", "pixel_hash", around.exact),
            ("near_duplicates", "perceptual_hash", around.near),
        ):
            hashes: list[Any] = measured.column(column).to_pylist()
            for image, one, key in zip(images, hashes, _keys(hashes).tolist(), strict=True):
                if key in repeated:
                    yield Finding(image, issue, 1 / repeated[key], one)


def _scores(
    batch: pa.RecordBatch, surroundings: Surroundings, thresholds: Thresholds
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return issue -> (flagged, score), each (n,)."""
    names = ("width", "height", *MEASURES[:6])
    column: dict[str, Any] = {name: np.array(batch.column(name).to_pylist(), np.float64) for name in names}
    width, height = column["width"], column["height"]
    scores = {
        "dark": column["brightness_p99"],
        "light": 1 - column["brightness_p5"],
        "low_information": np.minimum(ENTROPY_FACTOR * column["entropy"], 1),
        "blurry": blur_scores(column["edge_deviation"], column["grey_histogram_deviation"]),
        "odd_aspect_ratio": np.minimum(width / height, height / width),
    }
    limits, sizes = asdict(thresholds), _sizes(batch)
    smallest, largest = surroundings.smallest, surroundings.largest
    middle, gap = (smallest + largest) / 2, largest - smallest  # where all sizes are equal, any other is odd
    size_scores = 1 - np.clip(np.abs(sizes - middle) / (gap or middle), 0, 1)
    return {
        **{issue: (score < limits[issue], score) for issue, score in scores.items()},
        "odd_size": ((sizes < smallest) | (sizes > largest), size_scores),
        "greyscale": (column["greyscale"] > 0, 1 - column["greyscale"]),
    }


def blur_scores(edge_deviation: np.ndarray, grey_histogram_deviation: np.ndarray) -> np.ndarray:
    """Return scores from 0 (no edges at all) to 1; few greys, as in a drawing, excuse few edges."""
    edges = 1 - np.exp(-BLUR_FACTOR * edge_deviation)
    greys = 1 - np.exp(-BLUR_FACTOR * grey_histogram_deviation)
    return np.asarray(np.minimum(edges + np.where(greys > GREYS_COUNT_FROM, greys, 0), 1))
