"""Arrow arrays made from buffers equal those that pyarrow makes, and need no pandas."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_job import arrow_tables


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_are_as_pyarrow_makes_them(column):
    """Accents, empty texts and missing ones."""
    found = arrow_tables.texts(column)
    found.validate(full=True)
    assert found.to_pylist() == column


@given(st.lists(st.none() | st.binary()))
def test_bytes_are_as_pyarrow_makes_them(column):
    """Empty ones and missing ones."""
    found = arrow_tables.array(column, pa.binary())
    found.validate(full=True)
    assert (found.type, found.to_pylist()) == (pa.binary(), column)


@settings(deadline=None)  # the first pa.array imports pandas
@given(st.lists(st.none() | st.integers(-(2**31), 2**31 - 1)))
def test_integers_are_as_pyarrow_makes_them(column):
    """Any int32, and missing ones."""
    found = arrow_tables.array(column, pa.int32())
    found.validate(full=True)
    assert found.equals(pa.array(column, pa.int32()))


@settings(deadline=None)
@given(st.lists(st.none() | st.lists(st.floats(width=32, allow_nan=False), min_size=3, max_size=3)))
def test_vectors_are_as_pyarrow_makes_them(rows):
    """Missing ones take no place."""
    found = arrow_tables.vectors([None if row is None else np.array(row) for row in rows], np.float32)
    found.validate(full=True)
    assert found.equals(pa.array(rows, pa.list_(pa.float32())))


def test_a_matrix_goes_there_and_back():
    """Also a part of one that is not contiguous."""
    matrix = np.arange(24.0).reshape(4, 6)[:, ::2]
    array = arrow_tables.vectors(matrix, np.float64)
    np.testing.assert_array_equal(arrow_tables.values(pc.list_flatten(array)).reshape(4, 3), matrix)
    np.testing.assert_array_equal(arrow_tables.values(pc.list_flatten(array.slice(1))), matrix[1:].ravel())


def test_none_of_it_imports_pandas():
    """That is what the module is for."""
    code = """
import sys
import numpy as np
import pyarrow as pa
from spark_job import arrow_tables as a
a.texts(["a", None]), a.array([[1, None], None], pa.list_(pa.int32()))
a.values(a.vectors(np.ones((2, 3)), np.float32).flatten())
assert a._cells(a.texts(["=1", "b"])).to_pylist() == ["'=1", "b"]
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
