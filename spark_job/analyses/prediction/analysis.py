"""`predict`: from images to classes; a few images without Spark, any number with it."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial, reduce
from itertools import chain
from operator import add
from pathlib import Path

import obstore
import pyarrow as pa
from obstore.exceptions import BaseError

from spark_job.analyses.classifier import SavedClassifier
from spark_job.analyses.prediction.report import PREDICTIONS_SCHEMA, Outcome, answered, prediction_document
from spark_job.analyses.runs import AnalysisRun, OpenSpark, Say, SourceRun, Summary
from spark_job.arrow_tables import part_uris, read_part, write_csv, write_part
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.contract.extractor_files import ENGINE_FILES
from spark_job.contract.image_names import NO_LABELS, check_labels, is_table
from spark_job.contract.run_options import ImageLimits
from spark_job.contract.uris import contains, is_s3, normalise, root_and_key
from spark_job.errors import ListingError
from spark_job.extractors.specification import Extractor
from spark_job.features.extraction import Extraction, Tally, load_engine, worker_engine
from spark_job.features.table import images_per_task, none_usable, write_rejected
from spark_job.images.labels import Labels
from spark_job.images.listing import ListedFile, Share, list_files, shares, write_listing
from spark_job.images.reading import forgotten
from spark_job.session import sum_over_tasks
from spark_job.storage import Folder, open_store

IMAGES_WITHOUT_SPARK = 200  # fewer take less time than Spark needs to start
CSV_COLUMNS = [name for name in PREDICTIONS_SCHEMA.names if name not in ("split", "size", "etag", "error")]
ENGINE, PRECISION = "openvino", "f32"
LIMITS = ImageLimits()


def predict(
    model: str,
    images: str,
    results: str,
    open_spark: OpenSpark,
    say: Say,
    *,
    extractor: str | None = None,
    fingerprint: str | None = None,
    all_files: bool = False,
    labels: str | None = None,
    run_id: str | None = None,
) -> Summary:
    """Recognise images, save what was found, and report; only many images need Spark."""
    if contains(normalise(images), normalise(results)):
        raise MisuseError(
            f"--results {results} lies inside --images: its pictures would be taken for photographs "
            "by the next run; choose a folder outside"
        )
    trained = SourceRun.open(model, "train")
    classifier = SavedClassifier.of_run(trained)
    opened = classifier.open_extractor(extractor, fingerprint)
    learnt = classifier.description
    rule = labels or (NO_LABELS if is_table(learnt.labels) else learnt.labels)
    check_labels(rule)
    named = Labels.of(normalise(rule), learnt.label or None) if is_table(rule) else Labels(rule)
    files = list_images(images, all_files, named)
    where = {"model": model, "images": images, "extractor": extractor}
    parameters = {**where, "all_files": all_files, "labels": labels}
    run = AnalysisRun("predict", results, [trained], parameters, run_id)
    say(f"run {run.run_id}")
    skipped = _write_listing(run, files, images)
    outcome = _recognise(run, classifier, opened, open_spark)
    parts = part_uris(run.folder.at(layout.PREDICTIONS))
    write_rejected(run.folder, parts if outcome.rejected else ())
    batches = chain.from_iterable(read_part(uri, PREDICTIONS_SCHEMA.names) for uri in parts)
    usable = (batch.filter(batch.column("error").is_null()) for batch in batches)
    write_csv(run.folder, layout.PREDICTIONS_CSV, CSV_COLUMNS, usable)
    if not outcome.image_count:
        raise none_usable(run.folder, outcome.rejected)
    counts = {"usable": outcome.image_count, "rejected": outcome.rejected, "skipped": skipped}
    counts = {"listed": sum(counts.values()), **counts}
    metrics = {"images": counts, "predictions": outcome.figures()}
    summary = run.finish(metrics, prediction_document(trained, outcome), outcome.findings())
    if not outcome.is_listed:
        return summary
    return replace(summary, content={**summary.content, "predictions": outcome.listed()})


def _write_listing(run: AnalysisRun, files: Iterator[ListedFile], images: str) -> int:
    """Write down every file; return how many are skipped."""
    counts = Counter[bool]()

    def counted(file: ListedFile) -> ListedFile:
        counts[file.skipped is None] += 1
        return file

    write_listing(run.folder.at(layout.LISTING), map(counted, files))
    if not counts[True]:
        others = f"({counts[False]} others)"
        raise ListingError(f"no images in {images} {others}: check --images, or add --all-files")
    return counts[False]


def _recognise(
    run: AnalysisRun,
    classifier: SavedClassifier,
    extractor: Extractor,
    open_spark: OpenSpark,
) -> Outcome:
    listing, destination = run.folder.at(layout.LISTING), run.folder.at(layout.PREDICTIONS)
    specification, erased = extractor.specification, forgotten(run.folder.uri.rpartition("/")[0])
    extraction = partial(Extraction, specification, LIMITS, erased=erased)
    with tempfile.TemporaryDirectory(prefix="predict-") as scratch:
        length = specification.feature_length
        tasks = shares(listing, images_per_task(IMAGES_WITHOUT_SPARK, 1, length))
        if len(tasks) == 1:
            files = {name: extractor.fetch(name, Path(scratch)) for name in ENGINE_FILES[ENGINE]}
            local = extraction(load_engine=partial(load_engine, files, specification, ENGINE, PRECISION))
            return _recognise_share(classifier, local, destination, tasks[0])
        spark = open_spark()
        skips = (batch.column(0) for uri in part_uris(listing) for batch in read_part(uri, ["skipped"]))
        selected = sum(column.null_count for column in skips)
        tasks = shares(listing, images_per_task(selected, spark.defaultParallelism, length))
        remote = extraction(load_engine=worker_engine(spark, extractor, ENGINE, PRECISION, Path(scratch)))
        shared = spark.broadcast(classifier)
        return sum_over_tasks(
            spark, tasks, lambda share: _recognise_share(shared.value, remote, destination, share)
        )


def _recognise_share(
    classifier: SavedClassifier, extraction: Extraction, destination: Folder, share: Share
) -> Outcome:
    outcomes: list[Outcome] = []

    def rows() -> Iterator[pa.RecordBatch]:
        for batch in extraction(share.batch(), Tally()):
            predictions, given = answered(classifier, batch)
            outcomes.append(Outcome.of(predictions, given, classifier.description.classes))
            yield predictions

    write_part(destination, share.number, rows(), PREDICTIONS_SCHEMA, repeated=("label", "split", "error"))
    return reduce(add, outcomes, Outcome())


def list_images(uri: str, all_files: bool, labels: Labels) -> Iterator[ListedFile]:
    """Return the files of a folder, or the one file that is named; ListingError: there is neither."""
    source = normalise(uri)
    if not is_s3(source) and Path(source).is_file():
        return iter([ListedFile(source, size=Path(source).stat().st_size)])
    root, key = root_and_key(source)
    with suppress(BaseError, OSError):  # a folder, or what the listing will explain
        if is_s3(source) and key:
            found = obstore.head(open_store(root), key)
            return iter([ListedFile(source, size=int(found["size"]), etag=str(found["e_tag"] or ""))])
    return list_files(source, all_files, labels)
