"""The features table: what Spark does to fill it, how its rows are read, and `rejected.csv`."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import ceil
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import SparkContext

from spark_job import arrow_tables as arrow
from spark_job.contract.foreign_texts import of_spreadsheet_cell
from spark_job.contract.run_layout import REJECTED
from spark_job.contract.run_options import MEBIBYTE
from spark_job.errors import ListingError
from spark_job.features.counting import Channel, ShareCount
from spark_job.features.extraction import FEATURES_SCHEMA, Extraction, Tally
from spark_job.images.labels import LABEL
from spark_job.images.listing import ListedFile, Share
from spark_job.session import sum_over_tasks
from spark_job.storage import Folder

# This many images take some seconds: much more than a task costs before its first row
# (docs/decisions/0002-reader.md), and little enough for progress, even shares and the loss of a node.
IMAGES_PER_TASK = 2_000
MAX_READ_BYTES = 32 * MEBIBYTE
# What a finished part says of itself: a hash of what it was made of, and what became of its images.
CONTENT, TALLY = "content", "tally"
REJECTED_COLUMNS = ("path", "label", "size", "error")
REPEATED = ("label", "split", "error")


def images_per_task(image_count: int, cores: int, feature_length: int) -> int:
    """Return how large the shares are: whole rounds over the cores, of parts that fit into memory."""
    most = arrow.rows_within(arrow.MAX_PART_BYTES, feature_length, IMAGES_PER_TASK)
    rounds = max(1, ceil(image_count / (most * cores)))
    return max(1, ceil(image_count / (rounds * cores)))


def write_features(
    spark: SparkContext,
    tasks: Sequence[Share],
    destination: Folder,
    extraction: Extraction,
    run: str,
    channel: Channel,
) -> Tally:
    """Compute features, a part a task, by the workers alone (docs/decisions/0008); keep this run's parts."""

    def write(share: Share) -> Tally:
        batch, count = share.batch(), ShareCount(channel, share.number)
        content = hashlib.sha256(json.dumps([run, batch.to_pylist()]).encode()).hexdigest()
        facts = arrow.part_facts(destination.child(arrow.part_name(share.number)))
        if facts.get(CONTENT) == content:
            tally = Tally.from_json(facts[TALLY])
            count.whole(batch.num_rows, tally.rejected.total(), kept=True)
            return tally
        tally = Tally()
        arrow.write_part(
            destination,
            share.number,
            extraction(batch, tally, count),
            extraction.schema,
            repeated=(*REPEATED, *extraction.label_columns),
            facts=lambda: {CONTENT: content, TALLY: tally.to_json()},
        )
        count.whole(batch.num_rows, tally.rejected.total())
        return tally

    return sum_over_tasks(spark, tasks, write)


def label_columns(uri: str) -> list[str]:
    """Return the columns that a part of a features table has of a table of labels."""
    return [name for name in arrow.column_names(uri) if name not in FEATURES_SCHEMA.names]


def read_labelled(
    uri: str, columns: Iterable[str], label: str = LABEL, rows_at_once: int = 4_096
) -> Iterator[pa.RecordBatch]:
    """Yield columns of a part of a table of images, as `read_part`; `label` is filled from another column."""
    for batch in arrow.read_part(uri, (label if name == LABEL else name for name in columns), rows_at_once):
        place = batch.schema.get_field_index(label)
        if label == LABEL or place < 0:
            yield batch
        else:
            yield batch.set_column(place, LABEL, pc.fill_null(batch.column(place), arrow.NO_TEXT))


def read_usable(
    uri: str,
    feature_length: int,
    columns: tuple[str, ...] = (),
    vectors: str = "features",
    label: str = LABEL,
) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
    """Yield some columns of rows with features, and these as (n, feature_length), n at least 1."""
    rows = arrow.rows_within(MAX_READ_BYTES, feature_length, 4_096)
    for batch in read_labelled(uri, [vectors, *columns], label, rows):
        present = batch.filter(batch.column(vectors).is_valid())
        if present.num_rows:
            yield present.select(columns), matrix(present.column(vectors))


def matrix(vectors: pa.Array[Any]) -> np.ndarray:
    """Return lists of one length, none missing, as (n, d), without a copy."""
    return arrow.values(pc.list_flatten(vectors)).reshape(len(vectors), -1)


def write_rejected(run: Folder, parts: Iterable[str]) -> None:
    """Write `rejected.csv`, by path, of the rows with an `error` in these parts of a table."""
    batches = (batch for uri in parts for batch in arrow.read_part(uri, REJECTED_COLUMNS))
    rejected = (batch.filter(batch.column("error").is_valid()).select(REJECTED_COLUMNS) for batch in batches)
    rows = (row for batch in rejected for row in zip(*batch.to_pydict().values(), strict=True))
    arrow.write_sorted_csv(run, REJECTED, REJECTED_COLUMNS, [rows])


def none_usable(run: Folder, count: int) -> ListingError:
    """Return the error of a run whose images were all rejected, with the first reason."""
    first = "".join(f", as {image.short_name}: {image.error}" for image in listed_rejects(run, 1))
    return ListingError(
        f"none of the {count:,} images could be used{first}; {run.child(REJECTED)} says why of each"
    )


def listed_rejects(run: Folder, limit: int) -> Iterator[ListedFile]:
    """Yield the first rejected images of `rejected.csv`, with what it says of them."""
    for row in islice(csv.DictReader(run.lines(REJECTED)), limit):
        path, label = of_spreadsheet_cell(row["path"]), of_spreadsheet_cell(row["label"])
        yield ListedFile(path, label, size=int(row["size"]), error=row["error"])
