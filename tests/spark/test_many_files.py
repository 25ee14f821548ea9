"""A run of many files takes the memory of a run of few."""

import pytest

from benchmarks.figures import file_figures
from benchmarks.photographs import drawn_photographs, folder_of
from benchmarks.rounds import Inputs, Plan, measure_all


@pytest.mark.long
def test_ten_times_the_files_take_a_tenth_more_memory_at_most(tmp_path, tiny_extractor):
    """Of the driver's Python and of a worker, at 100,000 and at 10,000 files; `make bench` has a million."""
    source = drawn_photographs(tmp_path / "drawn")
    plan = Plan("files", frozenset("h"), count=100_000, rounds=1)
    folders = {size: folder_of(size, source, tmp_path / str(size)) for size in plan.sizes("h")}
    figures = file_figures(measure_all(plan, Inputs(folders, tiny_extractor, tmp_path), print))
    growth = {figure.name: figure for figure in figures if figure.target}
    assert {name: figure.verdict for name, figure in growth.items()} == dict.fromkeys(growth, "reached")
