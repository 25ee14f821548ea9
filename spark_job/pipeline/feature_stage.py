"""The second stage: it computes the features of new images, with progress, copies those that are reused."""

import sys
import time
from importlib import import_module
from threading import Event, Thread
from types import TracebackType
from typing import Any

from pyspark import SparkContext

from spark_job.contract import run_layout as layout
from spark_job.errors import ListingError
from spark_job.features.engines import EngineChoice, worker_engine
from spark_job.features.extraction import Extraction, Tally
from spark_job.features.reuse import NEW, REUSED, copy_features
from spark_job.features.table import write_features, write_rejected
from spark_job.parquet_parts import part_uris
from spark_job.pipeline.stage_results import FeatureResult, ListingResult, Run
from spark_job.storage import Folder

SECONDS_AT_A_TERMINAL = 0.5
SECONDS_IN_A_LOG = 30.0


class Progress:
    """A block whose progress is reported on stderr: images done, images a second, time left."""

    def __init__(self, spark: SparkContext, what: str, total: int) -> None:
        self._spark, self._what, self._total = spark, what, total
        self._ended = Event()
        self._thread = Thread(target=self._follow, daemon=True)
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        self._started = time.monotonic()
        self._stages_before = self._stages()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if kind is None:
            self._show(self._total, last=True)

    def _follow(self) -> None:
        pause = SECONDS_AT_A_TERMINAL if self._terminal else SECONDS_IN_A_LOG
        while not self._ended.wait(pause):
            self._show(self._done())

    def _stages(self) -> set[int]:
        return set(self._spark.statusTracker().getActiveStageIds())

    def _done(self) -> int:
        """Return the images of complete tasks; the stage of the features is the last, with most to do."""
        tracker: Any = self._spark.statusTracker()
        active = self._stages() - self._stages_before
        info = tracker.getStageInfo(max(active)) if active else None
        if info is None or not info.numTasks:
            return 0
        return int(self._total * info.numCompletedTasks / info.numTasks)

    def _show(self, done: int, last: bool = False) -> None:
        seconds = time.monotonic() - self._started
        speed = done / seconds if seconds else 0.0
        left = f", about {(self._total - done) / speed:.0f} s left" if speed and not last else ""
        line = f"{self._what}: {done:,} of {self._total:,} images, {speed:,.0f} images/s{left}"
        end = "\n" if last or not self._terminal else ""
        start = "\r\033[K" if self._terminal else ""
        print(f"{start}{line}", end=end, file=sys.stderr, flush=True)


def feature_stage(run: Run, listing: ListingResult) -> FeatureResult:
    """Compute the features; count what was usable, by class; list what was not."""
    cores = run.spark.sparkContext.defaultParallelism  # waits for the session: not to be timed
    started = time.monotonic()
    tally, computed_parts = _compute(run, listing)
    seconds = time.monotonic() - started
    tally += _copy(run, listing)
    write_rejected(run.folder.folder, part_uris(run.table(layout.FEATURES)) if tally.rejected else ())
    if not tally.usable:
        raise ListingError(
            f"none of the {listing.selected} images could be used; "
            f"{run.folder.uri(layout.REJECTED)} says why of each"
        )
    labels = sorted(tally.usable.keys() | tally.rejected.keys())
    return FeatureResult(
        usable=tally.usable.total(),
        rejected=tally.rejected.total(),
        classes=[(label, tally.usable[label], tally.rejected[label]) for label in labels],
        computed_parts=computed_parts,
        images_per_second=listing.new / seconds if listing.new else None,
        cores=cores,
        cpu_utilization=tally.processor_seconds / (seconds * cores) if listing.new else None,
    )


def _compute(run: Run, listing: ListingResult) -> tuple[Tally, int]:
    """Compute the features of the new images; return what became of them, and how many parts they are in."""
    features, count = run.table(layout.FEATURES), listing.new
    features.clear()
    # Drawing libraries take a second to import: now, while the driver waits for the workers to start.
    Thread(target=import_module, args=["spark_job.report.run_report"], daemon=True).start()
    if not count:
        return Tally(), 0
    spark = run.spark.sparkContext
    choice = EngineChoice(run.options.engine, run.options.precision)
    engine = worker_engine(spark, run.extractor, choice, run.scratch)
    extraction = Extraction(run.extractor.specification, run.options.limits, engine)
    new = run.table(f"{layout.REUSE}/{NEW}") if listing.previous else run.table(layout.LISTING)
    with Progress(spark, "features", count):
        tally = write_features(spark, new, count, features, extraction)
    return tally, len(part_uris(features))


def _copy(run: Run, listing: ListingResult) -> Tally:
    """Copy the features that are reused from the previous run."""
    if listing.previous is None:
        return Tally()
    return copy_features(
        run.spark.sparkContext,
        run.table(f"{layout.REUSE}/{REUSED}"),
        part_uris(Folder(listing.previous).at(layout.FEATURES)),
        run.table(layout.FEATURES),
        run.extractor.specification.feature_length,
    )
