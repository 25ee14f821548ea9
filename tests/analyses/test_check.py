"""`check` on made photographs whose faults are known."""

import csv
import json
import shutil
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest

from spark_job.analyses.checking.analysis import check
from spark_job.analyses.checking.feature_checks import ClassModel, ClassSums
from spark_job.analyses.checking.findings import Thresholds
from spark_job.contract.errors import MisuseError
from spark_job.contract.run_options import ComponentRequest
from spark_job.features.extraction import QUALITY_SCHEMA
from spark_job.session import Sums, open_session
from tests.spark import photographs
from tests.spark.runs import run

COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 200)}


def context():
    return open_session("tests").sparkContext


def photograph(label: str, seed: int) -> np.ndarray:
    """Nearly plain, in the colour of its class, with a texture of its own."""
    random = np.random.default_rng(seed)
    return np.clip(np.array(COLOURS[label]) + random.integers(-30, 31, (40, 40, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def source(tiny_extractor, tmp_path_factory):
    """A run over two splits: one wrong label, one photograph in both, one dark, one not readable."""
    folder = tmp_path_factory.mktemp("check")
    images = folder / "images"
    for split, first, many in (("Training", 0, 20), ("Test", 500, 6)):
        for number, label in enumerate(COLOURS):
            (images / split / label).mkdir(parents=True)
            for index in range(first, first + many):
                pixels = photograph(label, 1000 * number + index)
                (images / split / label / f"{index}.png").write_bytes(photographs.encoded(pixels, "PNG"))
    wrong = photographs.encoded(photograph("blue", 9001), "PNG")
    (images / "Training" / "red" / "wrong.png").write_bytes(wrong)
    (images / "Test" / "green" / "leaked.png").write_bytes(
        (images / "Training" / "green" / "3.png").read_bytes()
    )
    dark = photographs.encoded(photograph("red", 9002) // 8, "PNG")
    (images / "Training" / "red" / "dark.png").write_bytes(dark)
    (images / "Training" / "red" / "empty.png").touch()
    (images / "Training" / "red" / "endless.jpg").write_bytes(
        photographs.encoded(photograph("red", 9003))[:-2]
    )
    return run(images, folder / "results", tiny_extractor, request=ComponentRequest(0.99)).folder


@pytest.fixture(scope="module")
def checked(source):
    """The folder of the check."""
    check(str(source), str(source.parent), Thresholds(), "quality", context, lambda line: None)
    return source.parent / "quality"


def findings(folder, issue: str) -> list[dict[str, str]]:
    with (folder / "quality.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["issue"] == issue]


def names(rows: list[dict[str, str]]) -> set[str]:
    return {row["path"].rpartition("/")[2] for row in rows}


def test_a_wrong_label_is_doubted_with_the_class_it_resembles(checked):
    """The blue photograph among the red ones."""
    (row,) = [row for row in findings(checked, "label_doubtful") if row["path"].endswith("wrong.png")]
    assert (row["label"], row["detail"]) == ("red", "blue")
    assert float(row["score"]) < 0.5


def test_a_photograph_of_both_splits_is_a_leak(checked):
    """It is found in the smaller split, with the photograph it repeats."""
    (row,) = [row for row in findings(checked, "leak") if row["path"].endswith("leaked.png")]
    assert row["split"] == "Test"
    assert float(row["score"]) == pytest.approx(0, abs=1e-6)
    assert {row["split"] for row in findings(checked, "leak")} == {"Test"}


def test_copies_are_exact_duplicates_and_not_near_ones(checked):
    rows = findings(checked, "exact_duplicates")
    assert names(rows) == {"3.png", "leaked.png"}
    assert len({row["detail"] for row in rows}) == 1
    assert "leaked.png" not in names(findings(checked, "near_duplicates"))


def test_a_file_that_was_used_though_damaged_is_named_and_shown(checked, source):
    """With the sentence of its decoder; the run that used it counts it."""
    (row,) = findings(checked, "damaged")
    assert names([row]) == {"endless.jpg"}
    assert row["detail"] == "the file ends early: all of its rows are there, its end marker is missing"
    report = (checked / "report" / "index.html").read_text()
    section = report[report.index("damaged in part; what is there") :]
    assert "endless.jpg" in section
    assert "data:image/jpeg;base64" in section
    assert json.loads((source / "metrics.json").read_text())["images"]["damaged"] == 1


def test_dark_photographs_are_found(checked):
    assert names(findings(checked, "dark")) == {"dark.png"}


def test_counts_are_those_of_the_list(checked):
    """`metrics.json`, the table and the list agree; rejected images have no measures and no findings."""
    metrics = json.loads((checked / "metrics.json").read_text())
    rows = pq.read_table(checked / "findings").to_pylist()
    for issue, count in metrics["findings"].items():
        assert count == len(findings(checked, issue)) == sum(row["issue"] == issue for row in rows)
    assert metrics["images"] == {"measured": 82, "unmeasured": 0}
    balance = metrics["balance"]
    assert [balance[name] for name in ("classes", "smallest", "median", "largest")] == [3, 26, 27, 29]
    assert "3, of 26 to 29 images, median 27" in (checked / "report/index.html").read_text()


def test_two_components_show_the_leaks_that_many_show(source, checked, tiny_extractor):
    """With two, nearly all photographs point the same way as some other: the features are asked then."""
    results = source.parent
    run(results.parent / "images", results, tiny_extractor, "two", request=ComponentRequest(components=2))
    check(str(results / "two"), str(results), Thresholds(), "quality-two", context, lambda line: None)
    leaks = findings(results / "quality-two", "leak")
    assert {row["path"] for row in leaks} == {row["path"] for row in findings(checked, "leak")}


def test_the_report_shows_the_pair_of_a_leak(checked):
    page = (checked / "report" / "index.html").read_text()
    assert "the next is its like" in page
    assert "green/leaked.png" in page
    assert 'href="../../run/report/index.html"' in page


def test_a_threshold_changes_what_is_found(source):
    """Nothing is as dark as 0.01."""
    check(
        str(source),
        str(source.parent),
        Thresholds.given(["dark=0.01"]),
        "lenient",
        context,
        lambda line: None,
    )
    assert findings(source.parent / "lenient", "dark") == []


@pytest.mark.parametrize("change", ["dim=0.3", "dark", "dark=black", "dark="])
def test_a_threshold_that_cannot_be_is_refused(change):
    with pytest.raises(MisuseError, match=f"--threshold '{change}': write NAME=VALUE with "):
        Thresholds.given([change])


def test_a_run_without_measures_is_refused(source, tmp_path):
    """As one of an earlier version; the message says what to do, and no folder is begun."""
    older = tmp_path / "older"
    shutil.copytree(source, older)
    for part in (older / "features").iterdir():
        pq.write_table(pq.read_table(part).drop_columns(QUALITY_SCHEMA.names), part)
    with pytest.raises(MisuseError, match="run its images again, then check that run"):
        check(str(older), str(tmp_path / "results"), Thresholds(), None, context, lambda line: None)
    assert not (tmp_path / "results").exists()


def test_an_image_does_not_vouch_for_itself():
    """Of two images of a class each is judged by the other: the distance is the whole way, not half of it."""
    random = np.random.default_rng(3)
    rows = random.normal(size=(40, 3))
    rows[0], rows[1] = (10, 0, 0), (-10, 0, 0)
    labels = ["pair"] * 2 + ["rest"] * 38
    sums = ClassSums()
    for label, row in zip(labels, rows, strict=True):
        one = ClassSums(products=np.outer(row, row))
        one.counts[label], one.sums[label] = 1, row
        sums += one
    model = ClassModel.of(sums)
    own = model.distances(rows[:1], np.array([0]))[0, 0]
    assert own == pytest.approx(np.linalg.norm((rows[0] - rows[1]) @ model.whitening))


def test_partial_sums_meet_in_any_order():
    """The centres are the same, and the spread within classes becomes 1 but for the shrinkage."""
    rows = np.random.default_rng(4).normal(size=(600, 2)) * (3, 0.5)
    one, other = (
        ClassSums(Counter(a=300), Sums(a=half.sum(axis=0)), half.T @ half)
        for half in (rows[:300], rows[300:])
    )
    model, turned = ClassModel.of(one + other), ClassModel.of(other + one)
    assert model.centres == pytest.approx(turned.centres)
    assert model.centres == pytest.approx(rows.mean(axis=0, keepdims=True) @ model.whitening)
    assert np.cov((rows @ model.whitening).T) == pytest.approx(np.eye(2), abs=0.1)
