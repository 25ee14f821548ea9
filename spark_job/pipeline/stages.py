"""The stages of a run: listing, features, reduction; each leaves its outputs and a few facts.

A stage may be started over at any time: it replaces what an earlier attempt left.
"""

import csv
import io
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from spark_job.errors import ListingError, MisuseError
from spark_job.extractors.folder import Extractor
from spark_job.features.copying import copy_features
from spark_job.features.extraction import Extraction, Tally
from spark_job.features.table import EngineChoice, worker_engine, write_features
from spark_job.features.unchanged import NEW, TAKEN, Rules, sort_out
from spark_job.images.isolation import start_decoder
from spark_job.images.listing import ListedFile, list_files
from spark_job.images.listing_table import read_listing, rewrite_listing, write_listing
from spark_job.images.names import IMAGE_EXTENSIONS
from spark_job.images.sampling import Sample, draw, matches_any, quotas
from spark_job.parts import part_uris
from spark_job.pipeline import run_folder as layout
from spark_job.pipeline.earlier_run import find_earlier
from spark_job.pipeline.options import RunOptions
from spark_job.pipeline.progress import Progress
from spark_job.pipeline.rejects import write_rejected
from spark_job.pipeline.run_folder import RunFolder
from spark_job.reduction.drift import drift_from, reference
from spark_job.reduction.fitting import check_size, fit
from spark_job.reduction.model import load_model, save_model
from spark_job.reduction.principal_components import Reduction
from spark_job.reduction.profile import Profile
from spark_job.reduction.projection import components_as_csv, write_components
from spark_job.storage import Folder

NOT_IN_CLASSES = "class not selected"
NOT_IN_SAMPLE = "not in the sample"
FITTED = "fitted"  # of fit.json; earlier versions of this job left none

Facts = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What every stage works on."""

    session: Callable[[], SparkSession]
    options: RunOptions
    extractor: Extractor
    folder: RunFolder
    scratch: Path

    @property
    def spark(self) -> SparkSession:
        """The session; waits for it when it is still opening."""
        return self.session()

    def table(self, name: str) -> Folder:
        """The folder of one of the run's tables."""
        return self.folder.folder.at(name)


def list_stage(run: Run, facts: Facts) -> Facts:
    """Write down every file of the sources; count what is skipped and why, and what is known already."""
    options, listing = run.options, run.table(layout.LISTING)
    earlier = find_earlier(options, run.extractor)
    skipped, candidates = Counter[str](), Counter[str]()

    def counted(file: ListedFile) -> ListedFile:
        file = _deselect(file, options)
        if file.skipped is None:
            candidates[file.label] += 1
        else:
            skipped[file.skipped] += 1
        return file

    files = chain.from_iterable(list_files(source, options.all_files) for source in options.images)
    write_listing(listing, (counted(file) for file in files))
    if not candidates and not options.allow_empty:
        raise ListingError(_nothing_found(options, skipped))
    selected = quotas(candidates, options.sample, options.sample_per_class)
    if selected != candidates:
        _mark_sample(listing, selected, options.seed)
        skipped[NOT_IN_SAMPLE] = candidates.total() - sum(selected.values())
    count = sum(selected.values())
    reuse = _reuse(run, earlier) if earlier else {"new": count, "reused": 0, "kept": 0, "removed": 0}
    _check_request(run, count + reuse["kept"])
    return {
        "listed": count + skipped.total(),
        "selected": count + reuse["kept"],
        "skipped": dict(skipped),
        "earlier": earlier,
        **reuse,
    }


def _reuse(run: Run, earlier: str) -> dict[str, int]:
    """Find what an earlier run computed already; as `sort_out` counts it."""
    options = run.options
    rules = Rules(options.images, options.classes, options.limits, keep_removed=options.removed == "keep")
    found = sort_out(
        run.spark.sparkContext,
        run.table(layout.LISTING),
        Folder(earlier).at(layout.FEATURES),
        run.extractor.specification.feature_length,
        rules,
        run.table(layout.REUSE),
    )
    return {name: found[name] for name in ("new", "reused", "kept", "removed")}


def _mark_sample(listing: Folder, selected: dict[str, int], seed: int) -> None:
    """Mark what is not in the sample, by the largest draw of each class that is."""
    sample = Sample[None](selected, seed)
    for file in read_listing(listing):
        if file.skipped is None:
            sample.offer(file.label, file.path, None)
    largest = sample.largest_draws()

    def marked(file: ListedFile) -> ListedFile:
        taken = file.skipped is not None or draw(seed, file.path) <= largest.get(file.label, -1)
        return file if taken else replace(file, skipped=NOT_IN_SAMPLE)

    rewrite_listing(listing, marked)


def _deselect(file: ListedFile, options: RunOptions) -> ListedFile:
    if file.skipped or matches_any(file.label, options.classes):
        return file
    return replace(file, skipped=NOT_IN_CLASSES)


def _nothing_found(options: RunOptions, skipped: Counter[str]) -> str:
    where = ", ".join(options.images)
    seen = ", ".join(f"{count} x {reason}" for reason, count in skipped.most_common(5)) or "no files at all"
    return (
        f"no images in {where} (found: {seen}); images end in {' '.join(IMAGE_EXTENSIONS)}: check --images"
        f"{' and --classes' if options.classes else ''}, use --all-files to try every file, or --allow-empty "
        "to make an empty archive a success"
    )


def _check_request(run: Run, images: int) -> None:
    """Refuse before the features are computed what the reduction would refuse after."""
    length, wanted = run.extractor.specification.feature_length, run.options.request.components
    if run.options.reduction:
        check_reduction(RunFolder(Folder(run.options.reduction)), run.extractor)
        return
    if not images:
        return
    check_size(images, length)
    if wanted and wanted > min(images - 1, length):
        raise MisuseError(
            f"--components {wanted} is more than {images} images with {length} features allow: "
            f"at most {max(min(images - 1, length), 0)}"
        )


def feature_stage(run: Run, facts: Facts) -> Facts:
    """Compute the features; count what was usable, by class; list what was not."""
    count = facts["listing"]["selected"]
    cores = run.spark.sparkContext.defaultParallelism  # waits for the session: not to be timed
    started = time.monotonic()
    tally, computed_parts = _compute(run, facts["listing"])
    seconds = time.monotonic() - started
    tally += _copy(run, facts["listing"]["earlier"])
    write_rejected(run.folder.folder, part_uris(run.table(layout.FEATURES)), tally.rejected.total())
    if not tally.usable:
        raise ListingError(
            f"none of the {count} images could be used; {run.folder.uri(layout.REJECTED)} says why of each"
        )
    labels = sorted(tally.usable.keys() | tally.rejected.keys())
    new = facts["listing"]["new"]
    return {
        "usable": tally.usable.total(),
        "rejected": tally.rejected.total(),
        "classes": [(label, tally.usable[label], tally.rejected[label]) for label in labels],
        "computed_parts": computed_parts,
        "images_per_second": new / seconds if new else None,
        "cores": cores,
        "cpu_utilization": tally.processor_seconds / (seconds * cores) if new else None,
    }


def _compute(run: Run, listing: Facts) -> tuple[Tally, int]:
    """Compute the features of the new images; what became of them, and the parts they are in."""
    features, count = run.table(layout.FEATURES), listing["new"]
    features.clear()
    # Drawing libraries take a second to import: now, while the driver waits for the workers to start.
    Thread(target=import_module, args=["spark_job.report.rendering"], daemon=True).start()
    if not count:
        return Tally(), 0
    spark = run.spark.sparkContext
    choice = EngineChoice(run.options.engine, run.options.precision)
    engine = worker_engine(spark, run.extractor, choice, run.scratch)
    extraction = Extraction(run.extractor.specification, run.options.limits, engine)
    new = run.table(f"{layout.REUSE}/{NEW}") if listing["earlier"] else run.table(layout.LISTING)
    with Progress(spark, "features", count):
        tally = write_features(spark, new, count, features, extraction)
    return tally, len(part_uris(features))


def _copy(run: Run, earlier: str | None) -> Tally:
    """Copy what an earlier run computed already."""
    if earlier is None:
        return Tally()
    return copy_features(
        run.spark.sparkContext,
        run.table(f"{layout.REUSE}/{TAKEN}"),
        part_uris(Folder(earlier).at(layout.FEATURES)),
        run.table(layout.FEATURES),
        run.extractor.specification.feature_length,
    )


def reduction_stage(run: Run, facts: Facts) -> Facts:
    """Fit the reduction, or take an earlier one; project every usable image."""
    spark, options = run.spark.sparkContext, run.options
    parts = part_uris(run.table(layout.FEATURES))
    if options.reduction:
        reduction = load_reduction(RunFolder(Folder(options.reduction)), run.extractor)
    else:
        length = run.extractor.specification.feature_length
        reduction = fit(spark, parts, facts["features"]["usable"], length, options.request)
    start_decoder()  # for the report's pictures
    components = run.table(layout.COMPONENTS)
    new_parts = facts["features"]["computed_parts"] if options.reduction else None
    profile = write_components(spark, parts, reduction, components, profiled=new_parts)
    with run.folder.folder.open_writer(layout.COMPONENTS_CSV) as writer:
        for text in components_as_csv(part_uris(components), reduction.component_count):
            writer.write(text)
    save_model(run.table(layout.MODEL), reduction)
    fitted = _fitted(run, reduction, profile)
    fit_facts = {
        "images": reduction.count,
        "extractor": run.extractor.specification.fingerprint,
        "explained_variance_ratio": reduction.explained_variance_ratio.tolist(),
        FITTED: fitted,
    }
    run.folder.write_json(layout.FIT, fit_facts)
    drift = drift_from(fitted, profile) if options.reduction and fitted else None
    kept = reduction.explained_variance_ratio[: reduction.component_count].sum()
    return {
        "components": reduction.component_count,
        "explained_variance_ratio": float(kept),
        "standardized": reduction.standardized,
        "drift": asdict(drift) if drift else None,
    }


def _fitted(run: Run, reduction: Reduction, profile: Profile) -> Facts | None:
    """What drift is measured against; of a reduction that was taken over, as the run that fitted it noted."""
    if run.options.reduction:
        earlier: Facts = RunFolder(Folder(run.options.reduction)).read_json(layout.FIT)
        return earlier.get(FITTED)
    return reference(profile, reduction.variances) if reduction.variances is not None else None


def check_reduction(earlier: RunFolder, extractor: Extractor) -> Facts:
    """What an earlier run noted of its fit.

    Raises:
        MisuseError: the folder holds no complete run with a reduction, or of another extractor.
    """
    fitted: Facts | None = earlier.read_json(layout.FIT)
    manifest = earlier.read_json(layout.MANIFEST)
    if fitted is None or manifest is None:
        raise MisuseError(
            f"--reduction {earlier.folder.uri} is not the folder of a complete run with a reduction: give "
            "RESULTS/RUN_ID of one"
        )
    if fitted["extractor"] != extractor.specification.fingerprint:
        raise MisuseError(
            f"--reduction {earlier.folder.uri} was fitted on the features of another extractor: give "
            "that extractor, or fit anew without --reduction"
        )
    return fitted


def load_reduction(earlier: RunFolder, extractor: Extractor) -> Reduction:
    """The reduction that an earlier run saved.

    Raises:
        MisuseError: as `check_reduction`.
    """
    fitted = check_reduction(earlier, extractor)
    ratio = np.asarray(fitted["explained_variance_ratio"])
    variances = np.asarray(fitted[FITTED]["variances"]) if fitted.get(FITTED) else None
    return load_model(earlier.folder.at(layout.MODEL), fitted["images"], ratio, variances)


def listed_rejects(run: Run, limit: int) -> Iterator[ListedFile]:
    """The first rejected images of `rejected.csv`, with what it says of them."""
    content = run.folder.folder.read(layout.REJECTED) or b""
    for row in islice(csv.DictReader(io.StringIO(content.decode(), newline="")), limit):
        yield ListedFile(row["path"], row["label"], "", int(row["size"]), "", error=row["error"])


def fit_curve(folder: RunFolder) -> np.ndarray:
    """(r,) float64, the shares of variance of all components; empty when nothing was reduced."""
    fitted = folder.read_json(layout.FIT) or {"explained_variance_ratio": []}
    return np.asarray(fitted["explained_variance_ratio"], np.float64)
