"""The files beside the page: pictures, the projector's tables, and the looks of classes."""

import io
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from spark_job.report import words
from spark_job.report.page import encode, encoded_length, keep_evenly
from spark_job.report.palette import COLOURS, LOOK_COUNT, SYMBOLS, class_styles
from spark_job.report.run_report import components_tsv, metadata_tsv, render_report
from tests.report_examples import HOSTILE_NAMES, example_report, hostile_report, without_reduction


@pytest.mark.parametrize(
    ("component_count", "planes"), [(1, []), (2, ["plane_1_2.png"]), (3, ["plane_1_2.png", "plane_2_3.png"])]
)
def test_a_report_has_the_files_its_components_allow(component_count, planes):
    files = render_report(example_report(component_count=component_count))
    expected = ["index.html", "explained_variance.png", *planes, "components.tsv", "metadata.tsv"]
    assert list(files) == expected
    for name in files:
        if name.endswith(".png"):
            assert Image.open(io.BytesIO(files[name])).format == "PNG"


def test_a_report_without_reduction_is_only_a_page():
    assert list(render_report(without_reduction(example_report()))) == ["index.html"]


@pytest.mark.parametrize("class_count", [1, 131, 140])
def test_pictures_are_made_for_any_number_of_classes(class_count):
    files = render_report(example_report(class_count=class_count, points_each=2, component_count=2))
    width, height = Image.open(io.BytesIO(files["plane_1_2.png"])).size
    assert width == 1200
    assert height == (900 if class_count != 131 else 900 + round(0.16 * 27 * 150))


def test_a_report_is_the_same_each_time():
    """So that a repeated run can be compared by its files' hashes."""
    assert render_report(example_report()) == render_report(example_report())


def test_names_with_mathematics_or_strange_letters_do_not_stop_a_picture():
    contents = hostile_report()
    points = [
        replace(point, label=name) for point, name in zip(contents.points, HOSTILE_NAMES * 2, strict=False)
    ]
    assert "plane_1_2.png" in render_report(replace(contents, points=points))


def test_components_are_tab_separated_and_exact():
    """float32 comes back bit for bit."""
    components = np.random.default_rng(3).normal(size=(7, 4)).astype(np.float32)
    content = components_tsv(components)
    assert content.endswith(b"\n")
    again = np.array([line.split("\t") for line in content.decode().splitlines()], dtype=np.float32)
    np.testing.assert_array_equal(again, components)


def test_metadata_has_one_line_of_three_columns_for_each_point():
    """Tabs and newlines in names become spaces, so rows stay in step with components.tsv."""
    contents = hostile_report()
    lines = metadata_tsv(contents.points).decode().splitlines()
    assert lines[0] == "label\tsplit\tpath"
    assert len(lines) == 1 + len(contents.points)
    assert {line.count("\t") for line in lines} == {2}
    assert "Kiwi/tab and newline.jpg" in "\n".join(lines)
    assert "(no class)" in {line.split("\t")[0] for line in lines}


def test_131_classes_look_different():
    """And neighbours in the alphabet differ in colour and in symbol."""
    styles = list(class_styles([f"Fruit {i:03d}" for i in range(131)]).values())
    assert len({(style.colour, style.symbol) for style in styles}) == 131
    for one, next_one in pairwise(styles):
        assert one.colour != next_one.colour
        assert one.symbol != next_one.symbol
    assert LOOK_COUNT == len(COLOURS) * len(SYMBOLS) == 133


def test_outlines_fit_their_box():
    for symbol in SYMBOLS:
        assert all(-1 <= value <= 1 for corner in symbol.outline for value in corner), symbol.name


@pytest.mark.parametrize("budget", [-5, 0, 999, 30_000, 599_999, 600_000])
def test_thumbnails_are_kept_evenly_within_the_budget(budget):
    lengths = [6000] * 100
    kept = keep_evenly(lengths, budget)
    assert sum(kept) == max(0, budget) // 6000
    halves = sum(kept[:50]), sum(kept[50:])
    assert abs(halves[0] - halves[1]) <= 1


def test_what_is_empty_is_not_kept():
    assert keep_evenly([0, 10, 0, 10], 100) == [False, True, False, True]
    assert keep_evenly([], 100) == []


@pytest.mark.parametrize("content", [None, b"", b"1", b"12", b"123", b"1234"])
def test_the_encoded_length_is_known_beforehand(content):
    assert len(encode(content) or "") == encoded_length(content)


def test_quantities_are_written_for_people():
    space = "\N{NO-BREAK SPACE}"
    assert words.count(61488) == "61,488"
    assert words.percent(0.2345) == f"23.4{space}%"
    assert [words.duration(s) for s in (4.25, 59.96, 75.2, 3725.0)] == [
        f"4.2{space}s",
        f"1{space}min 0{space}s",
        f"1{space}min 15{space}s",
        f"1{space}h 2{space}min",
    ]
    assert [words.speed(s) for s in (1234.5, 12.34, 0.123, 0.0)] == ["1,234", "12.3", "0.12", "0"]
