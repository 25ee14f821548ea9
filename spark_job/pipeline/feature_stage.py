"""The second stage: it computes the features of new images, with progress, copies those that are reused."""

import time
from datetime import timedelta
from functools import partial
from importlib import import_module
from threading import Thread

from spark_job.arrow_tables import part_name, part_uris
from spark_job.contract import run_layout as layout
from spark_job.features.extraction import Extraction, Tally, worker_engine
from spark_job.features.reuse import NEW, REUSED, copy_features
from spark_job.features.table import images_per_task, none_usable, write_features, write_rejected
from spark_job.images.listing import Share, shares
from spark_job.images.reading import forgotten
from spark_job.images.sampling import is_shown
from spark_job.pipeline.stage_results import FeatureResult, ListingResult, Run
from spark_job.storage import Folder

SHARES = "shares"  # in `stages/`: how images are dealt out, the same for every attempt that keeps parts


def feature_stage(run: Run, listing: ListingResult) -> FeatureResult:
    """Compute the features; count what was usable, by class; list what was not."""
    cores = run.spark.sparkContext.defaultParallelism  # waits for the session: not to be timed
    started = time.monotonic()
    tally, computed_parts = _compute(run, listing)
    seconds = time.monotonic() - started
    if listing.previous is not None:
        tally += copy_features(
            run.spark.sparkContext,
            run.folder.at(f"{layout.REUSE}/{REUSED}"),
            part_uris(Folder(listing.previous).at(layout.FEATURES)),
            run.folder.at(layout.FEATURES),
            run.extractor.specification.feature_length,
            computed_parts,
            listing.label_columns,
            run.options,
        )
    write_rejected(run.folder, part_uris(run.folder.at(layout.FEATURES)) if tally.rejected else ())
    if not tally.usable:
        raise none_usable(run.folder, listing.selected)
    labels = sorted(tally.usable.keys() | tally.rejected.keys())
    return FeatureResult(
        usable=tally.usable.total(),
        rejected=tally.rejected.total(),
        damaged=tally.damaged,
        classes=[(label, tally.usable[label], tally.rejected[label]) for label in labels],
        computed_parts=computed_parts,
        images_per_second=tally.computed / seconds if tally.computed else None,
        cores=cores,
        cpu_utilization=tally.processor_seconds / (seconds * cores) if tally.computed else None,
        images_per_second_per_core=tally.computed / tally.seconds if tally.computed else None,
        megapixels=tally.pixels / tally.computed / 1e6 if tally.computed else None,
    )


def _compute(run: Run, listing: ListingResult) -> tuple[Tally, int]:
    """Compute the features of the new images; return what became of them, and how many parts they are in."""
    # Drawing libraries take a second to import: now, while the driver waits for the workers to start.
    Thread(target=import_module, args=["spark_job.report.run_report"], daemon=True).start()
    tasks = _shares(run, listing)
    if not tasks:
        return Tally(), 0
    spark = run.spark.sparkContext
    engine = worker_engine(spark, run.extractor, run.options.engine, run.options.precision, run.scratch)
    pictured = listing.shown_shares if run.options.shows_images else {}
    shown = partial(is_shown, seed=run.options.seed, shares=pictured)
    columns, erased = tuple(listing.label_columns), forgotten(run.options.results)
    specification, limits = run.extractor.specification, run.options.limits
    retained = run.options.retention_days
    ends = run.today + timedelta(days=retained) if retained else None
    extraction = Extraction(specification, limits, engine, shown, columns, erased, run.today, ends)
    features = run.folder.at(layout.FEATURES)
    with run.progress.images(listing.new, spark) as channel:
        tally = write_features(spark, tasks, features, extraction, run.fingerprint, channel)
    return tally, len(tasks)


def _shares(run: Run, listing: ListingResult) -> list[Share]:
    """Deal out the images as an earlier attempt did, whatever cores it had; forget what it left half done."""
    features = run.folder.at(layout.FEATURES)
    plan = run.folder.stage(SHARES)
    if not (begun := plan is not None):
        features.clear()
        length, cores = run.extractor.specification.feature_length, run.spark.sparkContext.defaultParallelism
        plan = {"images_per_share": images_per_task(listing.new, cores, length)}
        run.folder.complete_stage(SHARES, plan)
    new = run.folder.at(f"{layout.REUSE}/{NEW}") if listing.previous else run.folder.at(layout.LISTING)
    tasks = shares(new, plan["images_per_share"])
    parts = {part_name(share.number) for share in tasks}
    features.clear(keep=parts.__contains__)
    if begun:
        kept = len(part_uris(features))
        run.progress.say(
            f"features: {kept:,} of {len(parts):,} parts are finished and kept, the rest is done anew"
        )
    return tasks
