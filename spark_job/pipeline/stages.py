"""The stages of a run: listing, features, reduction; each leaves its outputs and a few facts.

A stage may be started over at any time: it replaces what an earlier attempt left.
"""

import csv
import io
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name everyone uses

from spark_job.errors import ListingError, MisuseError
from spark_job.extractors.folder import Extractor
from spark_job.features.extraction import Extraction
from spark_job.features.table import (
    EngineChoice,
    count_by_class,
    read_features,
    usable,
    worker_engine,
    write_features,
)
from spark_job.images.isolation import start_decoder
from spark_job.images.listing import ListedFile, in_pages, list_files
from spark_job.images.names import IMAGE_EXTENSIONS
from spark_job.images.sampling import balanced_sample, matches_any
from spark_job.pipeline import run_folder as layout
from spark_job.pipeline.options import RunOptions
from spark_job.pipeline.progress import Progress
from spark_job.pipeline.run_folder import RunFolder
from spark_job.reduction.fitting import check_size, fit
from spark_job.reduction.model import from_pipeline_model, to_pipeline_model
from spark_job.reduction.principal_components import Reduction
from spark_job.reduction.projection import components_as_csv, write_components
from spark_job.storage import Folder

ROWS_PER_LISTING_FILE = 50_000
LISTING_SCHEMA = pa.schema(
    [(field.name, pa.int64() if field.name == "size" else pa.string()) for field in fields(ListedFile)]
)
LISTING_DDL = ", ".join(
    f"{field.name} {'bigint' if field.name == 'size' else 'string'}" for field in fields(ListedFile)
)
NOT_IN_CLASSES = "class not selected"
NOT_IN_SAMPLE = "not in the sample"

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

    def features(self) -> DataFrame:
        """The features table."""
        length = self.extractor.specification.feature_length
        return read_features(self.spark, self.folder.uri(layout.FEATURES), length)


def list_stage(run: Run, facts: Facts) -> Facts:
    """Write down every file of the sources; count what is skipped and why."""
    options = run.options
    counts = Counter[str]()
    files = chain.from_iterable(list_files(source, options.all_files) for source in options.images)
    for number, page in enumerate(in_pages(files, ROWS_PER_LISTING_FILE)):
        page = [_deselect(file, options) for file in page]
        counts.update(file.skipped or "" for file in page)
        rows = pa.Table.from_pylist([asdict(file) for file in page], LISTING_SCHEMA)
        buffer = io.BytesIO()
        pq.write_table(rows, buffer, compression="zstd")
        Folder(run.folder.uri(layout.LISTING)).write(f"part-{number:05}.parquet", buffer.getvalue())
    candidates = counts.pop("", 0)
    if not candidates and not options.allow_empty:
        raise ListingError(_nothing_found(options, counts))
    selected = _selected_count(run, candidates)
    if selected < candidates:
        counts[NOT_IN_SAMPLE] = candidates - selected
    _check_request(run, selected)
    return {"listed": selected + counts.total(), "selected": selected, "skipped": dict(counts)}


def _deselect(file: ListedFile, options: RunOptions) -> ListedFile:
    if file.skipped or matches_any(file.label, options.classes):
        return file
    return ListedFile(file.path, file.label, file.split, file.size, file.etag, NOT_IN_CLASSES)


def _nothing_found(options: RunOptions, skipped: Counter[str]) -> str:
    where = ", ".join(options.images)
    seen = ", ".join(f"{count} x {reason}" for reason, count in skipped.most_common(5)) or "no files at all"
    return (
        f"no images in {where} (found: {seen}); images end in {' '.join(IMAGE_EXTENSIONS)}: check --images"
        f"{' and --classes' if options.classes else ''}, use --all-files to try every file, or --allow-empty "
        "to make an empty archive a success"
    )


def _selected(run: Run) -> DataFrame:
    """The images that take part, as ListedFile's columns."""
    listing = run.spark.read.schema(LISTING_DDL).parquet(run.folder.uri(layout.LISTING))
    options = run.options
    candidates = listing.where(F.col("skipped").isNull())
    return balanced_sample(candidates, options.seed, options.sample, options.sample_per_class)


def _selected_count(run: Run, candidates: int) -> int:
    if not candidates or not (run.options.sample or run.options.sample_per_class):
        return candidates
    return int(_selected(run).count())


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
    images, count = _selected(run), facts["listing"]["selected"]
    choice = EngineChoice(run.options.engine, run.options.precision)
    used = run.spark.sparkContext.accumulator(0.0)
    extraction = Extraction(
        run.extractor.specification,
        run.options.limits,
        worker_engine(run.spark, run.extractor, choice, run.scratch),
        used.add,
    )
    started = time.monotonic()
    with Progress(run.spark, "features", count):
        write_features(images, count, run.folder.uri(layout.FEATURES), extraction)
    seconds = time.monotonic() - started
    features = run.features()
    classes = count_by_class(features)
    good = sum(row[1] for row in classes)
    _write_rejected(run, features if good < count else None)
    cores = run.spark.sparkContext.defaultParallelism
    if not good:
        raise ListingError(
            f"none of the {count} images could be used; {run.folder.uri(layout.REJECTED)} says why of each"
        )
    return {
        "usable": good,
        "rejected": count - good,
        "classes": classes,
        "images_per_second": count / seconds,
        "cpu_utilization": used.value / (seconds * cores),
    }


def _write_rejected(run: Run, features: DataFrame | None) -> None:
    columns = ("path", "label", "size", "error")
    with run.folder.folder.open_writer(layout.REJECTED) as writer:
        writer.write(_csv_line(columns))
        if features is not None:
            rejected = features.where("error is not null").select(*columns).orderBy("path")
            for row in rejected.toLocalIterator():
                writer.write(_csv_line(row))


def _csv_line(values: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue().encode()


def reduction_stage(run: Run, facts: Facts) -> Facts:
    """Fit the reduction, or take an earlier one; project every usable image."""
    features = usable(run.features())
    count, options = facts["features"]["usable"], run.options
    if options.reduction:
        reduction = load_reduction(run.spark, RunFolder(Folder(options.reduction)), run.extractor)
    else:
        reduction = fit(features, count, run.extractor.specification.feature_length, options.request)
    start_decoder()  # for the report's pictures
    with ThreadPoolExecutor(1) as beside:  # saving the model is six small jobs that wait more than they work
        saving = beside.submit(_save_reduction, run, reduction)
        destination = run.folder.uri(layout.COMPONENTS)
        write_components(features, reduction, destination)
        with run.folder.folder.open_writer(layout.COMPONENTS_CSV) as writer:
            for text in components_as_csv(run.spark.read.parquet(destination), reduction.component_count):
                writer.write(text)
        saving.result()
    kept = reduction.explained_variance_ratio[: reduction.component_count].sum()
    return {
        "components": reduction.component_count,
        "explained_variance_ratio": float(kept),
        "standardized": reduction.standardized,
    }


def _save_reduction(run: Run, reduction: Reduction) -> None:
    model = to_pipeline_model(run.spark, reduction)
    model.write().overwrite().save(run.folder.uri(layout.MODEL))
    run.folder.write_json(layout.FIT, _fit_facts(reduction, run.extractor))


def _fit_facts(reduction: Reduction, extractor: Extractor) -> Facts:
    return {
        "images": reduction.count,
        "extractor": extractor.specification.fingerprint,
        "explained_variance_ratio": reduction.explained_variance_ratio.tolist(),
    }


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


def load_reduction(spark: SparkSession, earlier: RunFolder, extractor: Extractor) -> Reduction:
    """The reduction that an earlier run saved.

    Raises:
        MisuseError: as `check_reduction`.
    """
    fitted = check_reduction(earlier, extractor)
    model = PipelineModel.load(earlier.uri(layout.MODEL))
    return from_pipeline_model(model, fitted["images"], np.asarray(fitted["explained_variance_ratio"]))


def listed_rejects(features: DataFrame, limit: int) -> Iterator[ListedFile]:
    """The first rejected images, by path."""
    columns = [F.col(field.name) for field in fields(ListedFile) if field.name not in ("skipped", "error")]
    rows = (
        features.where("error is not null").orderBy("path").limit(limit).select(*columns, "error").collect()
    )
    return (ListedFile(**row.asDict()) for row in rows)


def fit_curve(folder: RunFolder) -> np.ndarray:
    """(r,) float64, the shares of variance of all components; empty when nothing was reduced."""
    fitted = folder.read_json(layout.FIT) or {"explained_variance_ratio": []}
    return np.asarray(fitted["explained_variance_ratio"], np.float64)
