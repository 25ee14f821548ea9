"""Arrow arrays from plain values, built from buffers.

`pyarrow.array` imports pandas on first use, a second of every worker's start; these need none.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa


def numbers(values: np.ndarray) -> pa.Array:
    """(n,) of any number type, none missing; shares the memory when it is contiguous."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, [None, pa.py_buffer(values)])


def integers(values: Sequence[int | None]) -> pa.Array:
    """int32, None where missing."""
    filled = np.array([value or 0 for value in values], np.int32)
    return pa.Array.from_buffers(pa.int32(), filled.size, [_validity(values), pa.py_buffer(filled)])


def texts(values: Sequence[str | None]) -> pa.Array:
    """Strings, None where missing."""
    encoded = [(value or "").encode() for value in values]
    offsets = _offsets([len(value) for value in encoded])
    buffers = [_validity(values), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def vectors(rows: Sequence[np.ndarray | None] | np.ndarray, kind: type[np.floating]) -> pa.Array:
    """Lists of numbers, None where missing.

    Args:
        rows: (d,) each, or (n, d) together.
        kind: np.float32 or np.float64.
    """
    if isinstance(rows, np.ndarray):
        offsets, flat, validity = _offsets([rows.shape[1]] * len(rows)), rows.ravel(), None
    else:
        present = [row for row in rows if row is not None]
        offsets = _offsets([0 if row is None else row.size for row in rows])
        flat, validity = np.concatenate(present) if present else np.empty(0), _validity(rows)
    values = numbers(flat.astype(kind, copy=False))
    buffers = [validity, pa.py_buffer(offsets)]
    return pa.Array.from_buffers(pa.list_(values.type), len(rows), buffers, children=[values])


def _offsets(lengths: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)


def _validity(values: Sequence[object]) -> pa.Buffer:
    present = np.array([value is not None for value in values], bool)
    return pa.py_buffer(np.packbits(present, bitorder="little"))
