"""Arrow arrays from plain values and back, by their buffers.

`pyarrow.array`, `pyarrow.scalar` and `to_numpy` import pandas on first use, also where a function of
`pyarrow.compute` makes a scalar of a plain value: most of a second in every process. These need none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa


def numbers(column: np.ndarray) -> pa.Array[Any]:
    """Return (n,) numbers of any type, none missing; the memory is shared when it is contiguous."""
    column = np.ascontiguousarray(column)
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(column.dtype), column.size, [None, pa.py_buffer(column.data)]
    )


def values(array: pa.Array[Any]) -> np.ndarray:
    """Return the numbers of an array, none missing; the same memory, read-only."""
    return np.from_dlpack(array)


def whole(column: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    """Return a column as one array; combine_chunks would import pandas where the column is empty."""
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)


def optional_numbers(column: Sequence[float | None], kind: type[np.number]) -> pa.Array[Any]:
    """Return numbers of a kind, np.int32 or np.float32, None where missing."""
    filled = np.array([number or 0 for number in column], kind)
    buffers: list[pa.Buffer | None] = [_validity(column), pa.py_buffer(filled.data)]
    return pa.Array.from_buffers(pa.from_numpy_dtype(filled.dtype), filled.size, buffers)


def days(column: Sequence[date | None]) -> pa.Array[Any]:
    """Return dates, None where missing."""
    numbered = [None if day is None else (day - date(1970, 1, 1)).days for day in column]
    return optional_numbers(numbered, np.int32).view(pa.date32())


def flags(column: Sequence[bool | None]) -> pa.Array[Any]:
    """Return booleans, None where missing."""
    bits = np.packbits(np.array([bool(value) for value in column], bool), bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(column), [_validity(column), pa.py_buffer(bits.data)])


def texts(column: Sequence[str | None]) -> pa.Array[Any]:
    """Return strings, None where missing."""
    return binaries([None if text is None else text.encode() for text in column], pa.string())


def text_lists(column: Sequence[Sequence[str | None] | None]) -> pa.Array[Any]:
    """Return lists of strings, None where a list or a string is missing."""
    offsets = _offsets([len(one or ()) for one in column])
    elements = texts([text for one in column for text in one or ()])
    buffers: list[pa.Buffer | None] = [_validity(column), pa.py_buffer(offsets.data)]
    return pa.Array.from_buffers(pa.list_(pa.string()), len(column), buffers, children=[elements])


def binaries(column: Sequence[bytes | None], kind: pa.DataType | None = None) -> pa.Array[Any]:
    """Return bytes, None where missing; kind: pa.binary() by default, or pa.string() of UTF-8."""
    offsets = _offsets([len(one or b"") for one in column])
    buffers: list[pa.Buffer | None] = [
        _validity(column),
        pa.py_buffer(offsets.data),
        pa.py_buffer(b"".join(one or b"" for one in column)),
    ]
    return pa.Array.from_buffers(kind or pa.binary(), len(column), buffers)


def vectors(rows: Sequence[np.ndarray | None] | np.ndarray, kind: type[np.floating]) -> pa.Array[Any]:
    """Return lists of floats of a kind, from (d,) rows, None where missing, or from (n, d) together."""
    if isinstance(rows, np.ndarray):
        offsets, flat, validity = _offsets([rows.shape[1]] * len(rows)), rows.ravel(), None
    else:
        present = [row for row in rows if row is not None]
        offsets = _offsets([0 if row is None else row.size for row in rows])
        flat, validity = np.concatenate(present) if present else np.empty(0), _validity(rows)
    elements = numbers(flat.astype(kind, copy=False))
    buffers: list[pa.Buffer | None] = [validity, pa.py_buffer(offsets.data)]
    return pa.Array.from_buffers(pa.list_(elements.type), len(rows), buffers, children=[elements])


def _offsets(lengths: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)


def _validity(column: Sequence[object]) -> pa.Buffer:
    present = np.array([value is not None for value in column], bool)
    return pa.py_buffer(np.packbits(present, bitorder="little").data)


# Scalars for functions of pyarrow.compute.
NO, YES = flags([False, True])
NO_TEXT, QUOTE = texts(["", "'"])
