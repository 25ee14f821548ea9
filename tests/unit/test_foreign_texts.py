"""Names that attack: what a spreadsheet, a terminal and a chart would obey is shown as text."""

import csv

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from spark_job.analyses.training.fitting import Evaluation
from spark_job.analyses.training.report import confusion_chart
from spark_job.arrow_tables import write_csv, write_sorted_csv
from spark_job.contract.foreign_texts import of_spreadsheet_cell, spreadsheet_cell, terminal_text
from spark_job.report.document import Point
from spark_job.report.run_report import metadata_tsv
from spark_job.session import Sums
from spark_job.storage import Folder

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"]
PLAIN = ["Apple", "1-2", "a=b", "'quoted", "", "été"]


@given(st.text())
def test_a_cell_is_never_a_formula_and_gives_the_name_back(text):
    """But for a name that is quoted already."""
    cell = spreadsheet_cell(text)
    assert not cell.startswith(tuple("=+-@\t\r"))
    if not text.startswith("'"):
        assert of_spreadsheet_cell(cell) == text


@pytest.mark.parametrize("kind", ["in order", "sorted"])
def test_csv_files_hold_no_formula(tmp_path, kind):
    """Numbers stay numbers, negative ones too; a name without danger stays letter for letter."""
    names = FORMULAS + PLAIN
    numbers = [-float(number) for number in range(len(names))]
    folder = Folder(str(tmp_path))
    if kind == "in order":
        batch = pa.RecordBatch.from_pydict({"label": names, "score": numbers})
        write_csv(folder, "table.csv", ["label", "score"], [batch])
    else:
        write_sorted_csv(folder, "table.csv", ["label", "score"], [zip(names, numbers, strict=True)])
    with (tmp_path / "table.csv").open(newline="") as file:
        _, *rows = csv.reader(file)
    assert {label for label, _ in rows} == {f"'{name}" for name in FORMULAS} | set(PLAIN)
    assert sorted(float(score) for _, score in rows) == sorted(numbers)


def test_the_projector_file_holds_no_formula():
    """It opens in a spreadsheet as well."""
    text = metadata_tsv([Point("=a/1.jpg", "@b", "-", None)]).decode()
    assert text.splitlines()[1] == "'@b\t'-\t'=a/1.jpg"


@given(st.text())
def test_a_terminal_is_never_commanded(text):
    """Escape, bell and backspace are shown; line breaks and tabs stay."""
    shown = terminal_text(text)
    assert all(letter.isprintable() or letter in "\n\t" for letter in shown)
    assert terminal_text("Äpfel 桃\n") == "Äpfel 桃\n"
    assert terminal_text("\x1b[2J") == "\\x1b[2J"


def test_class_names_in_a_chart_are_text():
    """Numbers and dates are no places on an axis, and plotly's own marks are shown."""
    names = ["7", "007", "2024-01-05", "<b>bold</b>", 'a & "b"']
    evaluation = Evaluation(csr_array(np.eye(len(names), dtype=np.int64)), 0, 0, Sums())
    chart = confusion_chart(evaluation, names)
    assert {chart.layout[axis]["type"] for axis in ("xaxis", "yaxis")} == {"category"}
    assert chart.data[0]["x"] == ["7", "007", "2024-01-05", "&lt;b&gt;bold&lt;/b&gt;", 'a &amp; "b"']
    assert chart.png is not None
    assert chart.png().startswith(b"\x89PNG")
