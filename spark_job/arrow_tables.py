"""Arrow arrays of plain values; tables as folders of Parquet parts, each written whole by one task; CSV.

`pyarrow.array`, `pyarrow.scalar` and `to_numpy` import pandas on first use, also where a function of
`pyarrow.compute` makes a scalar of a plain value: most of a second in every process. These arrays are made of
buffers. A part is one object, there or not there: a task that is tried again, or twice at once, writes the
same one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any

import numpy as np
import obstore
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from spark_job.contract.foreign_texts import FORMULA, spreadsheet_cell
from spark_job.contract.uris import is_s3, root_and_key
from spark_job.storage import Folder, open_store, read_bytes

_NUMBERS = {pa.int32(): np.int32, pa.int64(): np.int64, pa.float32(): np.float32, pa.date32(): np.int32}
ROW_GROUP_BYTES = 32 * 1024**2  # of a row group: small enough to be read at once, large enough to compress
MAX_PART_BYTES = 128 * 1024**2  # of a part, which its writer holds in memory
SORTED_ROWS = 100_000  # rows that are sorted at once
FOOTER_BYTES = 64 * 1024  # read at once of a part's end, where Parquet says what is in it


def numbers(column: np.ndarray) -> pa.Array[Any]:
    """Return (n,) numbers of any type, none missing; the memory is shared when it is contiguous."""
    column = np.ascontiguousarray(column)
    kind = pa.from_numpy_dtype(column.dtype)
    return pa.Array.from_buffers(kind, column.size, [None, pa.py_buffer(column.data)])


def values(array: pa.Array[Any]) -> np.ndarray:
    """Return the numbers of an array, none missing; the same memory, read-only."""
    return np.from_dlpack(array)


def whole(column: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    """Return a column as one array; combine_chunks would import pandas where the column is empty."""
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)


def array(column: Sequence[Any], kind: pa.DataType) -> pa.Array[Any]:
    """Return texts, bytes, booleans, days, numbers, or lists of these as a column; None where missing."""
    buffers: list[pa.Buffer | None] = [_bits([value is not None for value in column])]
    children = None
    if pa.types.is_list(kind):
        buffers.append(_offsets([len(one or ()) for one in column]))
        children = [array([element for one in column for element in one or ()], kind.value_type)]
    elif kind in (pa.string(), pa.binary()):
        contents = [one.encode() if isinstance(one, str) else one or b"" for one in column]
        buffers += [_offsets([len(content) for content in contents]), pa.py_buffer(b"".join(contents))]
    elif kind == pa.bool_():
        buffers.append(_bits(column))
    else:
        plain = [(one - date(1970, 1, 1)).days if isinstance(one, date) else one or 0 for one in column]
        buffers.append(pa.py_buffer(np.array(plain, _NUMBERS[kind]).data))
    return pa.Array.from_buffers(kind, len(column), buffers, children=children)


def texts(column: Sequence[str | None]) -> pa.Array[Any]:
    """Return strings, None where missing."""
    return array(column, pa.string())


def vectors(rows: Sequence[np.ndarray | None] | np.ndarray, kind: type[np.floating]) -> pa.Array[Any]:
    """Return lists of floats of a kind, from (d,) rows, None where missing, or from (n, d) together."""
    if isinstance(rows, np.ndarray):
        offsets, flat, validity = _offsets([rows.shape[1]] * len(rows)), rows.ravel(), None
    else:
        present = [row for row in rows if row is not None]
        offsets = _offsets([0 if row is None else row.size for row in rows])
        flat = np.concatenate(present) if present else np.empty(0)
        validity = _bits([row is not None for row in rows])
    elements = numbers(flat.astype(kind, copy=False))
    return pa.Array.from_buffers(pa.list_(elements.type), len(rows), [validity, offsets], children=[elements])


def _offsets(lengths: Sequence[int]) -> pa.Buffer:
    return pa.py_buffer(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32).data)


def _bits(column: Sequence[object]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(np.array([bool(one) for one in column], bool), bitorder="little").data)


NO, YES = array([False, True], pa.bool_())  # scalars for functions of pyarrow.compute
NO_TEXT, QUOTE = texts(["", "'"])


def rows_within(memory_bytes: int, vector_length: int, most: int) -> int:
    """Return how many rows of float32 vectors fit into so many bytes: at least 1, at most `most`."""
    return max(1, min(most, memory_bytes // (4 * vector_length)))


def part_name(number: int) -> str:
    """Return the file name of a part; names sort as numbers do up to a million parts."""
    return f"part-{number:06}.parquet"


def write_part(
    folder: Folder,
    number: int,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    repeated: tuple[str, ...] = (),
    facts: Callable[[], dict[str, str]] = dict,
) -> None:
    """Write one part, whole or not at all; `facts` is asked at the end what the part says of itself.

    `repeated` are the columns whose values repeat, and are worth a dictionary.
    """
    content = io.BytesIO()
    with pq.ParquetWriter(content, schema, use_dictionary=list(repeated)) as writer:  # type: ignore[arg-type]
        group: list[pa.RecordBatch] = []
        for batch in batches:
            group.append(batch)
            if sum(one.nbytes for one in group) >= ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(group, schema))
                group = []
        if group:
            writer.write_table(pa.Table.from_batches(group, schema))
        writer.add_key_value_metadata(facts())
    folder.write(part_name(number), content.getvalue())


def part_uris(folder: Folder) -> list[str]:
    """Return the parts of a table, in order."""
    return [folder.child(name) for name in sorted(folder.names()) if name.endswith(".parquet")]


def column_names(uri: str) -> list[str]:
    """Return the columns of a part; only its footer is read."""
    return list(footer(uri).schema.to_arrow_schema().names)


def part_facts(uri: str) -> dict[str, str]:
    """Return what a part says of itself; empty when there is no such part, or none that can be read."""
    try:
        found = footer(uri).metadata or {}
    except (OSError, pa.ArrowException):
        return {}
    return {name.decode(): value.decode() for name, value in found.items()}


def footer(uri: str) -> pq.FileMetaData:
    """Return a part's footer; in S3 nothing else is fetched."""
    if not is_s3(uri):
        return pq.read_metadata(uri)
    end = _end(uri, FOOTER_BYTES)
    length = int.from_bytes(end[-8:-4], "little") + 8  # Parquet ends in the footer, its length and a mark
    return pq.read_metadata(pa.BufferReader(end if length <= len(end) else _end(uri, length)))


def _end(uri: str, size: int) -> bytes:
    root, key = root_and_key(uri)
    answer = obstore.get(open_store(root), key, options={"range": {"suffix": size}})
    return bytes(answer.bytes())


def read_part(uri: str, columns: Iterable[str], rows_at_once: int = 4_096) -> Iterator[pa.RecordBatch]:
    """Yield some columns of a part, in batches of at most so many rows, none of them empty."""
    source = pa.BufferReader(read_bytes(uri)) if is_s3(uri) else uri
    with pq.ParquetFile(source) as part:
        for batch in part.iter_batches(rows_at_once, columns=list(columns), use_threads=False):
            if batch.num_rows:
                yield batch


class _Object(io.RawIOBase):
    """An object in S3 of which Parquet fetches what it reads, a request each; its end is read by `footer`."""

    def __init__(self, uri: str) -> None:
        self._root, self._key = root_and_key(uri)
        self._place = 0

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = (0, self._place, 2**40)[whence] + offset
        return self._place

    def read(self, size: int = -1) -> bytes:
        end = self._place + size
        content = bytes(obstore.get_range(open_store(self._root), self._key, start=self._place, end=end))
        self._place = end
        return content


def read_columns(
    uri: str, columns: Iterable[str], groups: Iterable[int] | None = None, end: pq.FileMetaData | None = None
) -> pa.Table:
    """Return those of these columns that a part has; in S3 little more than their bytes is fetched."""
    end = end or footer(uri)
    names = [name for name in columns if name in end.schema.to_arrow_schema().names]
    source: Any = _Object(uri) if is_s3(uri) else uri
    with pq.ParquetFile(source, metadata=end, pre_buffer=True) as part:
        wanted = list(range(end.num_row_groups)) if groups is None else list(groups)
        return part.read_row_groups(wanted, columns=names, use_threads=False)


def write_csv(folder: Folder, name: str, columns: Sequence[str], batches: Iterable[pa.RecordBatch]) -> None:
    """Write columns as one CSV file of any size, with texts quoted that a spreadsheet would compute."""
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    with folder.open_writer(name) as writer:
        writer.write((",".join(columns) + "\n").encode())
        for batch in batches:
            text = io.BytesIO()
            cells = [_cells(column) for column in batch.select(columns).columns]
            pyarrow.csv.write_csv(pa.RecordBatch.from_arrays(cells, list(columns)), text, options)
            writer.write(text.getvalue())


def _cells(column: pa.Array[Any]) -> pa.Array[Any]:
    if not pa.types.is_string(column.type):
        return column
    quoted = pc.binary_join_element_wise(QUOTE, column, NO_TEXT)
    cells: pa.Array[Any] = pc.if_else(pc.match_substring_regex(column, FORMULA), quoted, column)
    return cells


def write_sorted_csv(
    folder: Folder,
    name: str,
    columns: Sequence[str],
    groups: Iterable[Iterable[tuple[Any, ...]]],
    key: Callable[[tuple[Any, ...]], Any] | None = None,
) -> None:
    """Write groups of rows as one CSV file, each group sorted; of more than SORTED_ROWS in sorted blocks."""
    with folder.open_writer(name) as writer:

        def write(rows: Iterable[Sequence[Any]]) -> None:
            text = io.StringIO()
            csv.writer(text).writerows(
                [spreadsheet_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
            )
            writer.write(text.getvalue().encode())

        write([columns])
        for group in groups:
            rows = iter(group)
            while block := sorted(islice(rows, SORTED_ROWS), key=key):
                write(block)
