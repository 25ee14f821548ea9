"""The listing as a table: every file of the sources, which of them take part, and in whose share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from math import ceil
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_job.arrow_arrays import numbers, texts
from spark_job.images.listing import ListedFile, in_pages
from spark_job.parquet_parts import part_uris, read_part, write_part
from spark_job.storage import Folder

ROWS_PER_PART = 50_000
IMAGE_COLUMNS = ("path", "label", "split", "size")  # of every table with a row for each image
COLUMNS = tuple(field.name for field in fields(ListedFile))
LISTING_SCHEMA = pa.schema([(name, pa.int64() if name == "size" else pa.string()) for name in COLUMNS])


def write_listing(folder: Folder, files: Iterator[ListedFile]) -> None:
    """Write the table, a part at a time; what an earlier attempt left is replaced."""
    folder.clear()
    for number, page in enumerate(in_pages(files, ROWS_PER_PART)):
        _write(folder, number, page)


def rewrite_listing(folder: Folder, change: Callable[[ListedFile], ListedFile]) -> None:
    """Change rows of the table in place, a part at a time."""
    for number, uri in enumerate(part_uris(folder)):
        _write(folder, number, [change(file) for file in _files(uri)])


def _write(folder: Folder, number: int, page: list[ListedFile]) -> None:
    columns = [
        numbers(np.array([file.size for file in page], np.int64))
        if name == "size"
        else texts([getattr(file, name) for file in page])
        for name in COLUMNS
    ]
    rows = pa.RecordBatch.from_arrays(columns, schema=LISTING_SCHEMA)
    write_part(folder, number, [rows], LISTING_SCHEMA, repeated=("label", "split", "skipped", "error"))


def read_listing(folder: Folder) -> Iterator[ListedFile]:
    """Every file, a part in memory at a time."""
    for uri in part_uris(folder):
        yield from _files(uri)


def _files(uri: str) -> Iterator[ListedFile]:
    for batch in read_part(uri, COLUMNS):
        yield from (ListedFile(**row) for row in batch.to_pylist())


def listed_files(batch: pa.RecordBatch) -> list[ListedFile]:
    """Return the images of rows that have IMAGE_COLUMNS."""
    return [ListedFile(**row) for row in batch.select(IMAGE_COLUMNS).to_pylist()]


@dataclass(frozen=True)
class Share:
    """One task's images: every `of`-th of those that take part in a part of the listing.

    Attributes:
        number: of the part of the features table that they become.
    """

    number: int
    uri: str
    first: int
    of: int

    def batch(self) -> pa.RecordBatch:
        """Return the rows of its images, with the columns of LISTING_SCHEMA."""
        listed = pa.Table.from_batches(read_part(self.uri, COLUMNS), LISTING_SCHEMA)
        selected = listed.filter(pc.is_null(listed["skipped"]))
        mine = selected.take(numbers(np.arange(self.first, selected.num_rows, self.of)))
        return pa.RecordBatch.from_arrays([_one(column) for column in mine.columns], schema=LISTING_SCHEMA)


def _one(column: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    """combine_chunks gives an array, or a chunked one when the column is empty."""
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


def shares(folder: Folder, images_per_share: int) -> list[Share]:
    """Deal out all images that take part, about so many to a task, none of the shares empty.

    Neighbours go to different shares, so that each gets its part of the large photographs.
    """
    result: list[Share] = []
    for uri in part_uris(folder):
        selected = sum(batch.column(0).null_count for batch in read_part(uri, ["skipped"]))
        count = ceil(selected / images_per_share)
        result += [Share(len(result) + first, uri, first, count) for first in range(count)]
    return result
