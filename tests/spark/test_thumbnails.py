"""Reports show pictures that were made when their images were decoded; no image is read for them again."""

from collections.abc import Iterable
from typing import Any

import pytest

from spark_job.images.listing import ListedFile
from spark_job.pipeline import listing_stage, report_stage
from tests.spark.photographs import encoded, pixels, write_archive
from tests.spark.runs import RunResults, run

Shown = dict[str, bytes | None]  # path -> thumbnail


class Readings:
    """What the report stage reads, and what it shows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: list[str] = []
        self.shown: Shown = {}
        self._read, self._points = report_stage.thumbnails, report_stage._points
        monkeypatch.setattr(report_stage, "thumbnails", self._thumbnails)
        monkeypatch.setattr(report_stage, "_points", self._remembered)

    def _thumbnails(self, files: Iterable[ListedFile], limits: Any) -> Any:
        asked = list(files)
        self.read += [file.path for file in asked]
        return self._read(asked, limits)

    def _remembered(self, *arguments: Any) -> Any:
        points, components = self._points(*arguments)
        self.shown = {point.path: point.thumbnail for point in points}
        return points, components


@pytest.fixture
def readings(monkeypatch) -> Readings:
    return Readings(monkeypatch)


@pytest.fixture
def fewer_points(monkeypatch) -> None:
    """A report that shows ten images."""
    for stage in (listing_stage, report_stage):
        monkeypatch.setattr(stage, "MAX_POINTS", 10)


def kept(results: RunResults) -> Shown:
    return {row["path"]: row["thumbnail"] for row in results.features if row["thumbnail"]}


def test_no_image_is_read_for_the_report(readings, tiny_extractor, tmp_path):
    """All usable images of a small archive have a thumbnail beside their features, rejected ones none."""
    images = write_archive(tmp_path / "images", {"a": 6, "b": 3})
    (images / "a" / "broken.jpg").write_bytes(encoded(pixels(1))[:40])
    results = run(images, tmp_path, tiny_extractor)
    assert readings.read == [str(images / "a" / "broken.jpg")]
    assert readings.shown == kept(results)
    assert len(readings.shown) == 9
    assert all(one and one.startswith(b"\xff\xd8") and len(one) <= 4_096 for one in readings.shown.values())


def test_of_many_images_few_have_a_thumbnail(readings, fewer_points, tiny_extractor, tmp_path):
    """About those that the report shows; whoever is missing among these is read once."""
    images = write_archive(tmp_path / "images", {"a": 60, "b": 60})
    found = kept(run(images, tmp_path, tiny_extractor))
    assert 5 <= len(found) <= 40
    assert len(readings.shown) == 10
    assert all(readings.shown.values())
    assert sorted(readings.read) == sorted(readings.shown.keys() - found.keys())
    assert len(readings.read) <= 3


def test_reused_rows_bring_their_thumbnails(readings, tiny_extractor, tmp_path):
    """A picture goes with its photograph; only rows without one are read once more, and nothing is there."""
    images = write_archive(tmp_path / "images", {"a": 5, "b": 4})
    first = kept(run(images, tmp_path, tiny_extractor, "first"))
    gone = images / "a" / "000.jpg"
    gone.unlink()
    run(images, tmp_path, tiny_extractor, "next", previous=str(tmp_path / "first"), removed="keep")
    assert (readings.read, readings.shown) == ([str(gone)], {**first, str(gone): None})


def test_a_run_that_an_earlier_version_listed_reads_what_it_shows(
    readings, tiny_extractor, tmp_path, monkeypatch
):
    """Its listing does not say which images a report will show."""
    monkeypatch.setattr(listing_stage, "shown_shares", lambda *_: {})
    images = write_archive(tmp_path / "images", {"a": 4})
    assert kept(run(images, tmp_path, tiny_extractor)) == {}
    assert sorted(readings.read) == sorted(readings.shown)
    assert all(readings.shown.values())
