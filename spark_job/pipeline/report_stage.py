"""The report stage: a bounded sample of the results, with small pictures, to what a report shows."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, repeat

import numpy as np
import pyarrow.compute as pc

from spark_job.arrow_tables import part_uris, read_columns, read_part
from spark_job.contract import run_layout as layout
from spark_job.contract.erasure import ERASED
from spark_job.contract.options import PLACE, RESULTS
from spark_job.contract.uris import is_s3
from spark_job.features.table import listed_rejects, matrix
from spark_job.images.listing import ListedFile
from spark_job.images.reading import thumbnails
from spark_job.images.sampling import Sample, quotas
from spark_job.pipeline.reduction_stage import fit_curve
from spark_job.pipeline.stage_results import MAX_POINTS, ReportResult, Run, StageResults
from spark_job.provenance import package_versions
from spark_job.reduction.tables import ARRAY_COLUMN
from spark_job.report.document import Point, RejectedImage, ReportContents
from spark_job.session import sum_over_tasks
from spark_job.storage import side_by_side

MAX_REJECTED = 200
UNKNOWN_DRIFT = (
    "Drift is not known: there are fewer than two new images, or an earlier version of this job fitted "
    "the reduction and kept nothing to compare with; fit anew to have it."
)


def report_stage(run: Run, results: StageResults, seconds: Mapping[str, float]) -> ReportResult:
    """Render the report and store it."""
    from spark_job.report.run_report import render_report  # feature_stage has begun to import it

    files = render_report(contents(run, results, seconds))
    for name, content in files.items():
        run.folder.write(f"{layout.REPORT}/{name}", content)
    return ReportResult(files=sorted(files))


def contents(run: Run, results: StageResults, seconds: Mapping[str, float]) -> ReportContents:
    """Return what the report of this run shows."""
    features, reduction = results.features, results.reduction
    classes = features.classes if features else []
    points, components = _points(run, classes) if reduction else ([], np.empty((0, 0), np.float32))
    return ReportContents(
        run_id=run.options.run_id,
        in_index=not is_s3(run.folder.uri),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command=shlex.join(["fruit", *run.options.arguments(RESULTS, PLACE)]),
        extractor=run.extractor.specification,
        parameters=run.options.described(),
        versions=package_versions(),
        image_counts=results.image_counts,
        seconds=dict(seconds),
        images_per_second=(features.images_per_second if features else None) or 0.0,
        component_count=reduction.components if reduction else 0,
        explained_variance_ratio=fit_curve(run.folder) if reduction else np.empty(0),
        points=points,
        components=components,
        classes=classes,
        rejected=_rejected(run) if features else [],
        skipped=dict(results.listing.skipped),
        notes=_notes(run, results),
        drift=reduction.drift if reduction else None,
        cost_usd=run.progress.cost_usd,
    )


def _notes(run: Run, results: StageResults) -> list[str]:
    weights, notes = run.extractor.specification.weights, []
    if weights.name == "random":
        notes.append(f"The network's weights are random (seed {weights.random_seed}): features mean nothing.")
    elif weights.random_seed is not None:
        notes.append(f"The dense layers on top are random (seed {weights.random_seed}), not trained.")
    if run.options.reduction:
        notes.append(f"The reduction was not fitted on these images: it is that of {run.options.reduction}.")
        drift = results.reduction and results.reduction.drift
        notes.append(drift.advice if drift else UNKNOWN_DRIFT)
    options, listing = run.options, results.listing
    notes += listing.warnings
    if options.previous and not listing.previous:
        notes.append("--previous latest found no previous run of these sources: all features were computed.")
    elif listing.previous:
        gone = "they stay in the results" if options.removed == "keep" else "they are not in the results"
        notes.append(
            f"The features of {listing.reused + listing.kept:,} images were reused from "
            f"{listing.previous}; {listing.new:,} were computed: new, changed, or rejected before. "
            f"{listing.removed:,} images of that run are gone from the sources: {gone}."
        )
    if results.features is None:
        notes.append("There were no images, so there was nothing to do: upload some and run again.")
    return notes


def _points(run: Run, classes: Sequence[tuple[str, int, int]]) -> tuple[list[Point], np.ndarray]:
    """Return a sample of the usable images, balanced over classes, and their components."""
    counts = {label: usable for label, usable, _ in classes}
    sample = Sample[tuple[ListedFile, np.ndarray]](quotas(counts, MAX_POINTS), run.options.seed)
    columns = ("path", "label", "split", "size")
    for uri in part_uris(run.folder.at(layout.COMPONENTS)):
        for batch in read_part(uri, (*columns, ARRAY_COLUMN)):
            rows = zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
            components = matrix(batch.column(ARRAY_COLUMN)).astype(np.float32)
            for (path, label, split, size), numbers in zip(rows, components, strict=True):
                sample.offer(label, path, (ListedFile(path, label, split, size, etag=""), numbers))
    images, rows = zip(*sample.items(), strict=True)
    pictures = _thumbnails(run, images)
    return [Point(one.path, one.label, one.split, pictures[one.path]) for one in images], np.stack(rows)


def _thumbnails(run: Run, images: Sequence[ListedFile]) -> dict[str, bytes | None]:
    """Return path -> thumbnail, of the features table; images that have none there are read once more."""
    if not run.options.shows_images:
        return dict.fromkeys(image.path for image in images)
    parts, paths = part_uris(run.folder.at(layout.FEATURES)), {image.path for image in images}

    def pictures_of(uri: str) -> list[tuple[str, bytes]]:
        table = read_columns(uri, ("path", "thumbnail"))
        rows = table.filter(pc.is_valid(table["thumbnail"])).to_pydict()
        return [row for row in zip(*rows.values(), strict=True) if row[0] in paths]

    if run.session is None:
        found = dict(chain.from_iterable(side_by_side(pictures_of, parts)))
    else:
        found = dict(sum_over_tasks(run.spark.sparkContext, parts, pictures_of))
    others = [image for image in images if image.path not in found]
    made = zip(others, thumbnails(others, run.options.limits), strict=True)
    return {**found, **{image.path: thumbnail for image, thumbnail in made}}


def _rejected(run: Run) -> list[RejectedImage]:
    """Return the first rejected images; a decoder that takes what there is reads them once more."""
    images = list(listed_rejects(run.folder, MAX_REJECTED))
    shown = [image if image.error == ERASED else replace(image, error=None) for image in images]
    pictures = thumbnails(shown, run.options.limits) if run.options.shows_images else repeat(None)
    told = zip(images, pictures, strict=run.options.shows_images)
    return [RejectedImage(image.path, image.error or "", thumbnail) for image, thumbnail in told]
