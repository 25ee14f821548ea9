"""What each stage works on and leaves for the next: typed, and as JSON in `stages/NAME.json`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from spark_job.contract.run_options import RunOptions
from spark_job.extractors.specification import Extractor
from spark_job.pipeline.progress import RunProgress
from spark_job.pipeline.run_folder import RunFolder
from spark_job.reduction.drift import Drift

MAX_POINTS = 2_000  # images that a report shows on its planes
FORMER_NAMES = {"earlier": "previous"}  # fields as earlier versions of this job wrote them


@dataclass(frozen=True)
class Run:
    """What every stage works on."""

    session: Callable[[], SparkSession] | None  # None: its report is made again, without Spark
    options: RunOptions
    extractor: Extractor
    folder: RunFolder
    scratch: Path
    fingerprint: str  # of what decides the results: parameters, extractor, and how images are prepared
    progress: RunProgress

    @property
    def spark(self) -> SparkSession:
        """The session; waits for it when it is still opening."""
        assert self.session is not None
        return self.session()

    @property
    def today(self) -> date:
        return datetime.now(UTC).date()


@dataclass(frozen=True, kw_only=True)
class ListingResult:
    """The files of the sources, counted."""

    listed: int  # files in the sources
    selected: int  # images that the run has in the end, `kept` ones included
    skipped: Mapping[str, int]  # reason -> files
    previous: str | None = None  # URI of the run whose features are reused; None: all are computed
    new: int  # images whose features are computed
    reused: int = 0  # images whose features are copied from the previous run
    kept: int = 0  # images of the previous run that are gone from the sources and stay in the results
    removed: int = 0  # images of the previous run that are gone from the sources
    # class -> share of its images that get a thumbnail; earlier versions made none
    shown_shares: Mapping[str, float] = field(default_factory=dict)
    # about classes that may not be meant so; from the second line on they name images, for the report alone
    warnings: Sequence[str] = ()
    labels: Mapping[str, Any] | None = None  # what became of the table of labels; None: there is none

    @property
    def label_columns(self) -> Sequence[str]:
        """The columns that the features have of the table of labels."""
        columns: Sequence[str] = self.labels["columns"] if self.labels else ()
        return columns


@dataclass(frozen=True, kw_only=True)
class FeatureResult:
    """The features of the images, counted."""

    usable: int
    rejected: int
    classes: Sequence[tuple[str, int, int]]  # label, usable and rejected images of each class
    computed_parts: int  # parts of the features table whose rows were computed; those after them were copied
    images_per_second: float | None  # None: nothing was computed
    cores: int  # that computed at once
    cpu_utilization: float | None  # of these cores, 0 to 1
    damaged: int = 0  # usable images whose file is damaged in part
    images_per_second_per_core: float | None = None  # while it had images, whichever came and went
    megapixels: float | None = None  # of a computed image, on average


@dataclass(frozen=True, kw_only=True)
class ReductionResult:
    """The principal components that were kept."""

    components: int
    explained_variance_ratio: float  # of all kept components together, 0 to 1
    standardized: bool
    drift: Drift | None  # of new images from those that the reduction was fitted on, in another run


@dataclass(frozen=True, kw_only=True)
class ReportResult:
    """The files of the report, by name."""

    files: Sequence[str]


# The stages of a run, in their order, and what each leaves.
STAGES: dict[str, Any] = {
    "listing": ListingResult,
    "features": FeatureResult,
    "reduction": ReductionResult,
    "report": ReportResult,
}


@dataclass(frozen=True, kw_only=True)
class StageResults:
    """What the stages before the report left; without images there is a listing alone."""

    listing: ListingResult
    features: FeatureResult | None = None
    reduction: ReductionResult | None = None

    @property
    def image_counts(self) -> dict[str, int]:
        """The counts of images by name: listed + kept = usable + rejected + skipped."""
        listing, features = self.listing, self.features
        return {
            "listed": listing.listed,
            "usable": features.usable if features else 0,
            "rejected": features.rejected if features else 0,
            "damaged": features.damaged if features else 0,
            "skipped": sum(listing.skipped.values()),
            **{name: getattr(listing, name) for name in ("new", "reused", "removed", "kept")},
        }


def result_to_json(result: Any, seconds: float) -> dict[str, Any]:
    """Return what `stages/NAME.json` holds: the result of a stage, and the time that it took."""
    return {**asdict(result), "seconds": seconds}


def result_from_json(stage: str, content: Mapping[str, Any]) -> tuple[Any, float]:
    """Return the result of a stage and the seconds it took, of what `stages/NAME.json` holds."""
    values = {FORMER_NAMES.get(name, name): value for name, value in content.items()}
    if values.get("drift"):
        values["drift"] = Drift(**values["drift"])
    seconds = values.pop("seconds")
    return STAGES[stage](**values), seconds
