"""Rows of some images in Parquet parts and CSV files: found by little reading, and left out."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_job.arrow_tables import array, footer, read_columns
from spark_job.contract.erasure import Wanted
from spark_job.contract.foreign_texts import of_spreadsheet_cell
from spark_job.storage import read_bytes

NAMING = ("path", "detail")  # columns that name an image; a finding's detail may name the one that it repeats
WORD_ENDS = re.compile(r"[\"<>\t\n]")  # what stands around a name in JSON, HTML and tables for the projector
LONGEST_NAME = 4_096


def rows_of(uri: str, wanted: Wanted) -> pa.Table | None:
    """Return the rows of a part that name an image of the request; None: none, as its footer mostly shows."""
    end = footer(uri)
    names = end.schema.to_arrow_schema().names
    naming = [name for name in NAMING if name in names]
    groups = []
    for group in range(end.num_row_groups):
        columns = (end.row_group(group).column(number) for number in range(end.num_columns))
        ranges: list[Any] = [column.statistics for column in columns if column.path_in_schema in naming]
        if any(
            known is None or not known.has_min_max or wanted.may_lie_between(known.min, known.max)
            for known in ranges
        ):
            groups.append(group)
    if not groups:
        return None
    rows = read_columns(uri, [*naming, "label", "error", "contributor"], groups, end)
    found = rows.filter(_named(rows, naming, wanted))
    return found if found.num_rows else None


def _named(rows: pa.Table | pa.RecordBatch, naming: Iterable[str], wanted: Wanted) -> pa.Array[Any]:
    named = np.zeros(rows.num_rows, bool)
    for name in naming:
        named |= np.array([value in wanted for value in rows.column(name).to_pylist()], bool)
    return array(named.tolist(), pa.bool_())


def without_rows(uri: str, wanted: Wanted) -> bytes:
    """Return a part without the rows that name an image of the request; all else as it is."""
    content, target = read_bytes(uri), io.BytesIO()
    with pq.ParquetFile(pa.BufferReader(content)) as part:
        schema = part.schema_arrow
        naming = [name for name in NAMING if name in schema.names]
        # What a part says of itself may name classes; Spark's own description of the columns stays.
        said = {key: value for key, value in (schema.metadata or {}).items() if key.startswith(b"org.apache")}
        schema = schema.with_metadata(said)
        first = [part.metadata.row_group(number) for number in range(min(1, part.num_row_groups))]
        columns = [group.column(number) for group in first for number in range(group.num_columns)]
        repeated: Any = [column.path_in_schema for column in columns if column.has_dictionary_page]
        with pq.ParquetWriter(target, schema, use_dictionary=repeated) as writer:
            for group in range(part.num_row_groups):
                rows = part.read_row_group(group, use_threads=False).replace_schema_metadata(said)
                writer.write_table(rows.filter(pc.invert(_named(rows, naming, wanted))))
    return target.getvalue()


def without_lines(lines: Iterable[str], wanted: Wanted) -> Iterator[str]:
    """Yield the lines of a CSV file, letter for letter, without the rows that have an image in a cell."""
    read = list[str]()

    def noted() -> Iterator[str]:
        for line in lines:
            read.append(line)
            yield line

    for row in csv.reader(noted()):
        # A number has no slash: most cells need no closer look.
        if not any("/" in cell and of_spreadsheet_cell(cell) in wanted for cell in row):
            yield "".join(read)
        read.clear()


def names_in(uri: str, is_wanted: Callable[[str], bool]) -> bool:
    """Return whether a file of a run names an image: in a row of a table, a cell, or between quotes."""
    if uri.endswith(".parquet"):
        rows = read_columns(uri, NAMING).to_pydict()
        return any(is_wanted(name) for names in rows.values() for name in names if name)
    if uri.endswith(".png"):
        return False  # charts and planes name classes alone
    text = read_bytes(uri).decode("utf-8", "replace")
    if uri.endswith(".csv"):
        words = {cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row}
    else:
        words = set(WORD_ENDS.split(html.unescape(text)))
    short = {of_spreadsheet_cell(word) for word in words if len(word) <= LONGEST_NAME}
    for word in [word for word in short if "\\u" in word]:  # letters that JSON escapes
        with suppress(ValueError):
            short.add(str(json.loads(f'"{word}"')))
    return any(map(is_wanted, short))
