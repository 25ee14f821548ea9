"""What is found wrong with photographs: rows of a table, the worst of an issue; what their pixels say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

import numpy as np
import pyarrow as pa

from spark_job.arrow_tables import numbers, read_part, texts, write_part
from spark_job.contract.errors import MisuseError
from spark_job.features.extraction import QUALITY_SCHEMA
from spark_job.features.table import read_labelled
from spark_job.images.listing import IMAGE_COLUMNS, ListedFile, listed_files
from spark_job.session import First, Sum, Sums
from spark_job.storage import Folder

# The issues in the order they are shown, and what each means.
ISSUES = {
    "damaged": "The file is damaged in part; what is there of it was used.",
    "dark": "Nearly all pixels are dark.",
    "light": "Nearly all pixels are light.",
    "low_information": "The pixels have few different values.",
    "blurry": "There are hardly any edges.",
    "odd_aspect_ratio": "Much longer than wide, or wider than long.",
    "odd_size": "Far larger or smaller than most.",
    "greyscale": "The file has one channel, no colours.",
    "exact_duplicates": "The same pixels as another photograph; duplicates of each other have the same set.",
    "near_duplicates": "Looks like another photograph (same perceptual hash); those alike have the same set.",
    "label_doubtful": "Its features are nearer to another class than its own: mislabelled, or hard to tell.",
    "unusual": "Its features are far from the centre of its class, further than those of others.",
    "leak": "Nearly the same as a photograph of another split: a test with it proves little.",
}
CSV_COLUMNS = ("path", "label", "split", "issue", "score", "detail")
FINDINGS_SCHEMA = pa.schema({name: pa.float32() if name == "score" else pa.string() for name in CSV_COLUMNS})
# CleanVision's: entropy and deviations are scaled to scores so.
ENTROPY_FACTOR, BLUR_FACTOR, GREYS_COUNT_FROM = 0.1, 0.01, 0.18
HASH_DIGITS = 16
MEASURES = QUALITY_SCHEMA.names
# What photographs are compared by, 24 bytes each: square root of the area, hashes.
SURVEYED = np.dtype([("size", np.float64), ("pixel_hash", np.uint64), ("perceptual_hash", np.uint64)])


@dataclass(frozen=True)
class Finding:
    """One thing about one photograph."""

    image: ListedFile
    issue: str  # of ISSUES
    score: float  # 0 is worst
    detail: str = ""  # the damage, the set of a duplicate, the nearer class, or the photograph it repeats
    other: ListedFile | None = None  # that photograph

    def rank(self) -> tuple[float, str, str]:
        """Return what sorts the worst first, members of a set of duplicates side by side."""
        return self.score, self.detail, self.image.path


class Worst(First):
    """The worst findings of an issue, by their rank."""

    most = 24


@dataclass
class FindingTally(Sum):
    """Findings, counted; of each issue the worst are kept."""

    counts: Counter[str] = field(default_factory=Counter)
    worst: Sums[str, Worst] = field(default_factory=Sums)

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> Self:
        counts = Counter(one.issue for one in findings)
        worst = {name: Worst((one.rank(), one) for one in findings if one.issue == name) for name in counts}
        return cls(counts, Sums(worst))


def write_findings(folder: Folder, number: int, findings: Sequence[Finding]) -> FindingTally:
    """Write one part of the table, none when there are no findings; return their counts."""
    tally = FindingTally.of(findings)
    if not findings:
        return tally
    images = [finding.image for finding in findings]
    columns = [
        *(texts([getattr(image, name) for image in images]) for name in ("path", "label", "split")),
        texts([finding.issue for finding in findings]),
        numbers(np.array([finding.score for finding in findings], np.float32)),
        texts([finding.detail for finding in findings]),
    ]
    rows = pa.RecordBatch.from_arrays(columns, schema=FINDINGS_SCHEMA)
    write_part(folder, number, [rows], FINDINGS_SCHEMA, repeated=("label", "split", "issue"))
    return tally


@dataclass(frozen=True)
class Thresholds:
    """Scores run from 0 (bad) to 1; below the threshold is a finding."""

    dark: float = 0.32  # brightness that 99 % of the pixels stay below
    light: float = 0.05  # 1 - brightness that 95 % of the pixels are above
    low_information: float = 0.3  # entropy / 10 bits
    blurry: float = 0.29  # of the deviation of the edges and of the histogram
    odd_aspect_ratio: float = 0.35  # shorter / longer side
    odd_size: float = 3.0  # how many interquartile ranges beyond the quartiles the root of the area may be
    unusual: float = 3.0  # the same for the distance to the centre of the class
    leak: float = 0.98  # cosine from which images of two splits are nearly the same; this job's own

    @classmethod
    def given(cls, changes: Iterable[str]) -> Thresholds:
        """Return the defaults with changes, each `NAME=VALUE`; MisuseError: an unknown name, or no number."""
        names, values = [one.name for one in fields(cls)], {}
        for change in changes:
            name, _, value = change.partition("=")
            if name not in names:
                raise MisuseError(f"--threshold {change!r}: write NAME=VALUE with one of {', '.join(names)}")
            try:
                values[name] = float(value)
            except ValueError:
                wanted = f"write NAME=VALUE with a number, as {name}=0.25"
                raise MisuseError(f"--threshold {change!r}: {wanted}") from None
        return cls(**values)


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
