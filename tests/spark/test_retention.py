"""Rows and small pictures end in time, whatever runs have copied them."""

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from spark_job.pipeline.stage_results import Run
from tests.spark import photographs
from tests.spark.runs import RunResults, run

FIRST = date(2026, 1, 5)


def on_day(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    """Let the runs of this process take place on that day."""
    monkeypatch.setattr(Run, "today", day)


def rows_of(results: RunResults) -> dict[str, tuple[date, bool]]:
    """Name of an image to the day on which it was first seen, and whether there is a small picture."""
    return {
        Path(row["path"]).name: (row["first_seen"], row["thumbnail"] is not None) for row in results.features
    }


def test_a_row_ends_with_its_day_and_a_picture_with_its_photograph(tmp_path, tiny_extractor, monkeypatch):
    """A copied row keeps the day on which its image was first seen; without the photograph it has no picture.

    On its last day a row is no longer copied: what is gone is dropped, what is still there is seen anew.
    """
    images, results = photographs.write_archive(tmp_path / "images", {"a": 4}), tmp_path / "results"
    weeks = [FIRST + timedelta(weeks=week) for week in range(3)]
    on_day(monkeypatch, weeks[0])
    first = run(images, results, tiny_extractor, "0", retention_days=14)
    assert rows_of(first) == {f"{number:03}.jpg": (weeks[0], True) for number in range(4)}
    assert {row["ends"] for row in first.features} == {weeks[2]}
    (images / "a" / "000.jpg").unlink()
    again: dict[str, Any] = {"retention_days": 14, "removed": "keep"}
    on_day(monkeypatch, weeks[1])
    second = run(images, results, tiny_extractor, "1", previous=str(results / "0"), **again)
    assert rows_of(second) == {**rows_of(first), "000.jpg": (weeks[0], False)}
    on_day(monkeypatch, weeks[2])
    third = run(images, results, tiny_extractor, "2", previous=str(results / "1"), **again)
    assert rows_of(third) == {f"{number:03}.jpg": (weeks[2], True) for number in range(1, 4)}
    assert third.metrics["images"]["removed"] == 1


def test_without_thumbnails_neither_rows_nor_report_have_pictures(tmp_path, tiny_extractor, capfd):
    """Copied ones and those of rejected images neither; no log names a photograph."""
    images, results = photographs.write_archive(tmp_path / "images", {"a": 3}), tmp_path / "results"
    (images / "a" / "half.jpg").write_bytes((images / "a" / "000.jpg").read_bytes()[:400])
    run(images, results, tiny_extractor, "with")
    pictures = (results / "with" / "report" / "index.html").read_text().count("/9j/")
    found = run(images, results, tiny_extractor, "none", previous=str(results / "with"), thumbnails="none")
    assert pictures >= 3
    assert found.metrics["images"]["reused"] == 3
    assert {with_picture for _, with_picture in rows_of(found).values()} == {False}
    logged = capfd.readouterr()
    assert ".jpg" not in logged.out + logged.err
    assert "/9j/" not in (results / "none" / "report" / "index.html").read_text()


@pytest.mark.long
def test_nothing_is_older_than_its_day_in_a_year_of_weekly_runs(tmp_path, tiny_extractor, monkeypatch):
    """Each week four photographs come and four go; each run copies what it may of the one before."""
    images, results = tmp_path / "images", tmp_path / "results"
    for week in range(52):
        today = FIRST + timedelta(weeks=week)
        on_day(monkeypatch, today)
        photographs.write_archive(images / f"{week:02}", {"a": 4}, seed=4 * week)
        shutil.rmtree(images / f"{week - 5:02}", ignore_errors=True)
        previous: Any = {"previous": str(results / f"{week - 1}"), "removed": "keep"} if week else {}
        found = run(images, results, tiny_extractor, str(week), retention_days=60, **previous)
        for row in found.features:
            assert today < row["ends"] <= today + timedelta(days=60)
            assert Path(row["path"]).is_file() or row["thumbnail"] is None
