"""A table of labels: features are computed once, and answer several questions."""

import csv
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from spark_job.analyses.checking.analysis import check
from spark_job.analyses.checking.findings import Thresholds
from spark_job.analyses.convergence import analyse_convergence
from spark_job.analyses.grouping.analysis import group
from spark_job.analyses.prediction.analysis import predict
from spark_job.contract.errors import MisuseError
from spark_job.contract.run_options import ComponentRequest
from tests.analyses.recognition_runs import COLOURS, spark, train_on, write_colours
from tests.spark.runs import RunResults, run

RIPENESS = {"Apple": "ripe", "Lime": "unripe", "Plum": "ripe"}
GONE, NEW, UNLABELLED = "Apple/000.png", "Lime/011.png", "Plum/011.png"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory, tiny_extractor) -> RunResults:
    """A run by a table after one by folders: one image is gone and kept, one new, one without a row."""
    folder = tmp_path_factory.mktemp("labelled")
    images, results, request = (
        write_colours(folder / "photos", 12),
        folder / "results",
        ComponentRequest(None, 4),
    )
    new = (images / NEW).read_bytes()
    (images / NEW).unlink()
    run(images, results, tiny_extractor, "folders", request=request)
    (images / NEW).write_bytes(new)
    (images / GONE).unlink()
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "letter", "ripeness", "contributor", "split"])
        for kind in COLOURS:
            for name in (f"{kind}/{number:03}.png" for number in range(12)):
                if name != UNLABELLED:
                    table.writerow([name, kind[0], RIPENESS[kind], "me", "Test" if "00" in name else "Train"])
        table.writerow(["Melon/000.png", "M", "ripe", "me", ""])
    return run(
        images,
        results,
        tiny_extractor,
        "table",
        labels=str(folder / "labels.csv"),
        previous="latest",
        removed="keep",
        request=request,
    )


def name_of(row: dict) -> str:
    return "/".join(row["path"].split("/")[-2:])


def test_labels_are_of_this_run_whether_an_image_is_new_reused_or_kept(labelled):
    """In both tables, under the names of the columns; the first is the class; what does not fit is told."""
    counts = labelled.metrics["images"]
    assert {name: counts[name] for name in ("new", "reused", "kept")} == {"new": 1, "reused": 34, "kept": 1}
    for table in (labelled.features, labelled.components):
        rows = {name_of(row): row for row in table}
        for name in (GONE, NEW, "Lime/001.png"):
            assert rows[name]["label"] == rows[name]["letter"] == name[0]
            assert (rows[name]["ripeness"], rows[name]["contributor"]) == (RIPENESS[name[:-8]], "me")
            assert rows[name]["split"] == ("Test" if "00" in name else "Train")
        assert [rows[UNLABELLED][name] for name in ("label", "letter", "ripeness")] == ["", None, None]
    assert labelled.metrics["labels"] == {
        "label": "letter",
        "columns": ["letter", "ripeness", "contributor"],
        "rows": 36,
        "rows_without_image": 2,
        "images_without_row": 1,
    }
    report = (labelled.folder / "report/index.html").read_text()
    assert "rows that name no image of the sources: 2; images without a row" in report
    assert f"{UNLABELLED}." in report


@pytest.fixture(scope="module")
def trained(labelled, tmp_path_factory) -> Path:
    """A classifier of ripeness."""
    return train_on(str(labelled.folder), tmp_path_factory.mktemp("trained"), "ripeness", label="ripeness")


def test_a_classifier_learns_the_column_that_is_asked_for(trained):
    """Images without that label take no part."""
    assert json.loads((trained / "classifier/classifier.json").read_text())["classes"] == ["ripe", "unripe"]
    assert json.loads((trained / "manifest.json").read_text())["parameters"]["label"] == "ripeness"
    figures = json.loads((trained / "metrics.json").read_text())["classifier"]
    assert figures["training_images"] + figures["test_images"] == 35
    assert figures["images_without_label"] == 1


def test_answers_are_held_against_the_column_that_was_learnt(trained, labelled, tiny_extractor, tmp_path):
    """Of a table that is given; without one there is nothing, whatever the folders say."""
    images, table = labelled.folder.parents[1] / "photos", tmp_path / "new.csv"
    figures, given = {}, (str(trained), str(images), str(tmp_path), spark, print)
    table.write_text("path,letter,ripeness\nLime/001.png,L,unripe\nPlum/001.png,P,ripe\nPlum/002.png,P,\n")
    for name, labels in (("without", None), ("folder", "folder"), ("table", str(table))):
        predict(*given, extractor=str(tiny_extractor), run_id=name, labels=labels)
        figures[name] = json.loads((tmp_path / name / "metrics.json").read_text())["predictions"]
    assert [figures[name]["labelled"] for name in figures] == [0, 0, 2]
    assert figures["without"]["accuracy"] is None
    assert figures["table"]["accuracy"] == 1
    table.write_text("path,letter\nLime/001.png,L\n")
    with pytest.raises(MisuseError, match="has no column ripeness, only path, letter: add it"):
        predict(*given, extractor=str(tiny_extractor), run_id="x", labels=str(table))


def test_groups_findings_and_samples_are_of_the_column_that_is_asked_for(labelled, tmp_path):
    """Two clusters answer the question of ripeness; samples are drawn of two classes and of no class."""
    source, results = str(labelled.folder), str(tmp_path)
    group(source, results, spark, print, k=2, run_id="group", label="ripeness")
    clusters = pq.read_table(tmp_path / "group/clusters").to_pylist()
    assert Counter(row["label"] for row in clusters) == {"ripe": 23, "unripe": 12, "": 1}
    check(source, results, Thresholds(dark=2), "check", spark, print, label="ripeness")
    findings = pq.read_table(tmp_path / "check/findings").to_pylist()
    assert {row["label"] for row in findings if row["issue"] == "dark"} == {"ripe", "unripe", ""}
    analyse_convergence(source, results, [2, 5], [0.8], 1, "convergence", spark, print, label="ripeness")
    images = json.loads((tmp_path / "convergence/metrics.json").read_text())["images"]
    assert images == {"2": 5, "5": 11, "all": 36}


def test_a_column_that_is_not_there_is_refused(labelled, tmp_path):
    """The message names those that are, or how a run gets some."""
    for name, message in (
        ("table", r"no such column of labels; it has letter, ripeness, contributor"),
        ("folders", r"it was made without --labels TABLE"),
    ):
        with pytest.raises(MisuseError, match=message):
            train_on(str(labelled.folder.parent / name), tmp_path, "t", label="colour")
