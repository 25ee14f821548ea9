"""What is found wrong with photographs: rows of a table, counts, and the worst of each issue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Self

import numpy as np
import pyarrow as pa

from spark_job.arrow_tables import numbers, texts, write_part
from spark_job.contract.errors import MisuseError
from spark_job.images.listing import ListedFile
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
