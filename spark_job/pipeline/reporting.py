"""The report stage: a bounded sample of the results, with small pictures, to what a report shows."""

import io
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from spark_job.errors import ImageRejectedError
from spark_job.images.decoding import decode
from spark_job.images.isolation import Isolated
from spark_job.images.limits import ImageLimits
from spark_job.images.listing import ListedFile
from spark_job.images.reading import Content, read_ahead, read_image
from spark_job.images.sampling import balanced_sample
from spark_job.pipeline import run_folder as layout
from spark_job.pipeline.options import RunOptions
from spark_job.pipeline.stages import Facts, Run, fit_curve, listed_rejects
from spark_job.reduction.projection import ARRAY_COLUMN
from spark_job.report.contents import ClassCount, Point, RejectedImage, ReportContents
from spark_job.report.rendering import render_report

MAX_POINTS = 2_000
MAX_REJECTED = 200
THUMBNAIL_PIXELS = 64
PACKAGES = (
    "pyspark",
    "numpy",
    "pyarrow",
    "openvino",
    "opencv-python-headless",
    "pillow",
    "simplejpeg",
    "obstore",
)


def report_stage(run: Run, facts: Facts) -> Facts:
    """Render the report and store it."""
    files = render_report(contents(run, facts))
    for name, content in files.items():
        run.folder.folder.write(f"{layout.REPORT}/{name}", content)
    return {"files": sorted(files)}


def contents(run: Run, facts: Facts) -> ReportContents:
    """What the report of this run shows."""
    listing, features, reduction = (facts.get(name, {}) for name in ("listing", "features", "reduction"))
    points, components = _points(run) if reduction else ([], np.empty((0, 0), np.float32))
    return ReportContents(
        run_id=run.options.run_id,
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command=shlex.join(["python", "-m", "spark_job", *run.options.arguments()]),
        extractor=run.extractor.specification,
        parameters=_parameters(run.options),
        versions=package_versions(),
        images=image_counts(facts),
        seconds={name: facts[name]["seconds"] for name in facts},
        images_per_second=features.get("images_per_second", 0.0),
        component_count=reduction.get("components", 0),
        explained_variance_ratio=fit_curve(run.folder) if reduction else np.empty(0),
        points=points,
        components=components,
        classes=[ClassCount(*row) for row in features.get("classes", [])],
        rejected=_rejected(run) if features else [],
        skipped=listing.get("skipped", {}),
        notes=_notes(run, facts),
    )


def _parameters(options: RunOptions) -> dict[str, str]:
    """The parameters as a person would name them; those that were not given are left out."""
    limits = asdict(options.limits)
    given = {
        "images": ", ".join(options.images),
        "classes": ", ".join(options.classes),
        "sample": options.sample,
        "sample per class": options.sample_per_class,
        "seed": options.seed,
        "share of variance": options.request.variance,
        "components": options.request.components,
        "standardized": "yes" if options.request.standardize else "no",
        "reduction of": options.reduction,
        "extractor": options.extractor,
        "engine": f"{options.engine}, {options.precision}",
        "files": "all" if options.all_files else "by extension",
        **{name.replace("_", " "): f"{value:,}" for name, value in limits.items()},
    }
    return {name: str(value) for name, value in given.items() if value not in (None, "")}


def package_versions() -> dict[str, str]:
    """The versions of the packages that decide the results."""
    return {name: version(name) for name in PACKAGES}


def image_counts(facts: Facts) -> dict[str, int]:
    """listed = usable + rejected + skipped."""
    features = facts.get("features", {})
    return {
        "listed": facts["listing"]["listed"],
        "usable": features.get("usable", 0),
        "rejected": features.get("rejected", 0),
        "skipped": sum(facts["listing"]["skipped"].values()),
    }


def _notes(run: Run, facts: Facts) -> list[str]:
    weights, notes = run.extractor.specification.weights, []
    if weights.name == "random":
        notes.append(f"The network's weights are random (seed {weights.random_seed}): features mean nothing.")
    elif weights.random_seed is not None:
        notes.append(f"The dense layers on top are random (seed {weights.random_seed}), not trained.")
    if run.options.reduction:
        notes.append(f"The reduction was not fitted on these images but taken from {run.options.reduction}.")
    if "features" not in facts:
        notes.append("There were no images, so there was nothing to do: upload some and run again.")
    return notes


def _points(run: Run) -> tuple[list[Point], np.ndarray]:
    table = run.spark.read.parquet(run.folder.uri(layout.COMPONENTS))
    columns = ("path", "label", "split", "size", ARRAY_COLUMN)
    sample = balanced_sample(table.select(*columns), run.options.seed, total=MAX_POINTS)
    rows = sample.orderBy("label", "path").toPandas()
    images = [
        ListedFile(path, label, split, size, etag="")
        for path, label, split, size in zip(*(rows[name] for name in columns[:4]), strict=True)
    ]
    thumbnails = _thumbnails(images, run.options.limits)
    points = [
        Point(image.path, image.label, image.split, thumbnail)
        for image, thumbnail in zip(images, thumbnails, strict=True)
    ]
    return points, np.stack(rows[ARRAY_COLUMN]).astype(np.float32)


def _rejected(run: Run) -> list[RejectedImage]:
    images = list(listed_rejects(run.features(), MAX_REJECTED))
    thumbnails = _thumbnails([replace(image, error=None) for image in images], run.options.limits)
    return [
        RejectedImage(image.path, image.error or "", thumbnail)
        for image, thumbnail in zip(images, thumbnails, strict=True)
    ]


def _thumbnails(images: Iterable[ListedFile], limits: ImageLimits) -> Iterator[bytes | None]:
    isolated: Isolated[tuple[ListedFile, Content], bytes | None] = Isolated(
        partial(make_thumbnails, limits=limits),
        failed=lambda item, reason: None,
        max_seconds=limits.max_seconds,
    )
    contents = read_ahead(iter(images), partial(read_image, limits=limits))
    return (thumbnail for _, thumbnail in isolated.map(contents))


def make_thumbnails(
    items: list[tuple[ListedFile, Content]], first_slot: int, *, limits: ImageLimits
) -> list[bytes | None]:
    """A small JPEG of each image, of what can be shown of it, or None; runs in the decoder's process."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        return [_thumbnail(content, limits) for _, content in items]
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _thumbnail(content: Content, limits: ImageLimits) -> bytes | None:
    try:
        if isinstance(content, ImageRejectedError):
            raise content
        image: Any = Image.fromarray(decode(content, limits))
    except ImageRejectedError:
        return None
    image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS), Image.Resampling.BOX)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=72)
    return buffer.getvalue()
