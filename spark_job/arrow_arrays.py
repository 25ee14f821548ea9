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

_NUMBERS = {pa.int32(): np.int32, pa.int64(): np.int64, pa.float32(): np.float32, pa.date32(): np.int32}


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


# Scalars for functions of pyarrow.compute.
NO, YES = array([False, True], pa.bool_())
NO_TEXT, QUOTE = texts(["", "'"])
