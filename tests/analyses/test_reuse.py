"""A run takes from an earlier one what has not changed, and computes the rest."""

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from spark_job.contract.errors import MisuseError
from spark_job.contract.run_options import ImageLimits
from spark_job.extractors import specification
from spark_job.pipeline import feature_stage
from tests.spark import doubles, photographs
from tests.spark.runs import run


@pytest.fixture
def first(tmp_path, tiny_extractor):
    """A run over two classes and a file that cannot be used; the folder holds images/ and results/run/."""
    images = photographs.write_archive(tmp_path / "images", {"a": 8, "b": 7})
    (images / "b" / "empty.jpg").touch()
    run(images, tmp_path / "results", tiny_extractor)
    return tmp_path


@pytest.fixture
def images(tmp_path):
    """One photograph: a refused run never reads it."""
    return photographs.write_archive(tmp_path / "images", {"a": 1})


@pytest.fixture
def computed(tmp_path, monkeypatch):
    """How many images the network has seen."""
    counter = tmp_path / "seen"
    engine = doubles.worker_engine_of(partial(doubles.CountingEngine, str(counter)))
    monkeypatch.setattr(feature_stage, "worker_engine", engine)
    return lambda: counter.stat().st_size if counter.exists() else 0


def change(images: Path) -> None:
    """One new, one with other content, one touched, two gone."""
    (images / "a" / "new.jpg").write_bytes(photographs.encoded(photographs.pixels(77)))
    (images / "a" / "001.jpg").write_bytes(photographs.encoded(photographs.pixels(78)))
    os.utime(images / "a" / "002.jpg", ns=(1, 1))
    for name in ("000", "001"):
        (images / "b" / f"{name}.jpg").unlink()


def counts(found) -> dict[str, int]:
    return {name: found.metrics["images"][name] for name in ("new", "reused", "removed", "kept")}


def by_name(found) -> dict[str, dict]:
    return {Path(row["path"]).name: row for row in found.features if row["label"] == "a"}


def test_only_new_and_changed_images_are_computed(first, tiny_extractor, computed):
    """A changed time is a changed image; what was rejected is tried again."""
    change(first / "images")
    earlier = str(first / "results" / "run")
    found = run(first / "images", first / "results", tiny_extractor, "next", previous=earlier)
    assert counts(found) == {"new": 4, "reused": 11, "removed": 2, "kept": 0}
    assert computed() == 3
    assert found.metrics["images"]["usable"] == 14
    fresh = run(first / "images", first / "fresh", tiny_extractor)
    assert found.features == fresh.features
    assert set(found.rejected) == {"empty.jpg"}
    assert len(found.components) == 14
    assert counts(fresh) == {"new": 15, "reused": 0, "removed": 0, "kept": 0}
    kept = run(first / "images", first / "results", tiny_extractor, "kept", previous=earlier, removed="keep")
    assert counts(kept) == {"new": 4, "reused": 11, "removed": 2, "kept": 2}
    gone = {row["path"] for row in kept.features} - {row["path"] for row in found.features}
    assert gone == {str(first / "images" / "b" / f"{name}.jpg") for name in ("000", "001")}
    chained = run(
        first / "images", first / "results", tiny_extractor, "chained", previous="latest", removed="keep"
    )
    assert counts(chained) == {"new": 1, "reused": 14, "removed": 2, "kept": 2}
    assert chained.features == kept.features
    assert "gone from the sources" in (chained.folder / "report" / "index.html").read_text()
    assert chained.json("manifest.json")["parents"] == [str(first / "results" / "kept")]


def test_an_empty_source_keeps_all(tiny_extractor, tmp_path):
    """As when retention has removed every source image."""
    images = photographs.write_archive(tmp_path / "images", {"a": 5})
    run(images, tmp_path / "results", tiny_extractor)
    shutil.rmtree(images / "a")
    options: dict[str, Any] = {"previous": "latest", "removed": "keep", "allow_empty": True}
    found = run(images, tmp_path / "results", tiny_extractor, "empty", **options)
    assert counts(found) == {"new": 0, "reused": 0, "removed": 5, "kept": 5}
    assert found.metrics["images"]["usable"] == 5
    assert found.metrics["features"]["images_per_second"] is None


def test_an_image_beyond_todays_limits_is_not_taken(tiny_extractor, tmp_path):
    """It is computed again, and rejected by the limit."""
    images = photographs.write_archive(tmp_path / "images", {"a": 4})
    (images / "a" / "large.jpg").write_bytes(photographs.encoded(photographs.pixels(9, 200, 300)))
    run(images, tmp_path / "results", tiny_extractor)
    options: dict[str, Any] = {"previous": "latest", "limits": ImageLimits(max_pixels=10_000)}
    found = run(images, tmp_path / "results", tiny_extractor, "strict", **options)
    assert counts(found) == {"new": 1, "reused": 4, "removed": 0, "kept": 0}
    assert set(found.rejected) == {"large.jpg"}


def test_latest_without_an_earlier_run_computes_all(tiny_extractor, tmp_path):
    """And the report says so."""
    images = photographs.write_archive(tmp_path / "images", {"a": 4})
    found = run(images, tmp_path / "results", tiny_extractor, previous="latest")
    assert counts(found) == {"new": 4, "reused": 0, "removed": 0, "kept": 0}
    assert "found no previous run" in (found.folder / "report" / "index.html").read_text()


def test_features_of_another_extractor_are_refused(coloured_run, images, other_extractor, tmp_path):
    """Before anything is listed; the message says what to do."""
    with pytest.raises(MisuseError, match=r"has other features \(another extractor\): give what it was made"):
        run(images, tmp_path / "results", other_extractor, previous=coloured_run)


def test_features_of_another_preparation_are_refused(
    coloured_run, images, tiny_extractor, tmp_path, monkeypatch
):
    """A later version of the job sees photographs in another way: `--previous` and `--reduction` say so."""
    monkeypatch.setattr(specification, "PREPARATION", specification.PREPARATION + 1)
    options = {"--previous": ("previous", "compute all anew"), "--reduction": ("reduction", "fit anew")}
    for option, (name, advice) in options.items():
        with pytest.raises(MisuseError) as caught:
            run(images, tmp_path / "results", tiny_extractor, name, **{name: coloured_run})
        assert str(caught.value).startswith(f"{option} {coloured_run} ")
        assert "photographs that an earlier version of this job prepared in another way" in str(caught.value)
        assert f"{advice} without {option}" in str(caught.value)


def test_features_of_another_precision_are_refused(coloured_run, images, tiny_extractor, tmp_path):
    """bf16 and f32 do not mix."""
    with pytest.raises(MisuseError, match="precision f32, now bf16"):
        run(images, tmp_path / "results", tiny_extractor, previous=coloured_run, precision="bf16")


def test_a_folder_without_a_run_is_refused(images, tiny_extractor, tmp_path):
    """It is a slip of the keyboard, not an empty earlier run."""
    with pytest.raises(MisuseError, match="is not the folder of a complete run"):
        run(images, tmp_path / "results", tiny_extractor, previous=str(images))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"removed": "keep"}, "name the run to keep images of, with --previous RUN"),
        ({"removed": "keep", "previous": "latest", "sample": 5}, "exclude each other"),
    ],
)
def test_keeping_needs_a_run_and_no_sample(options, message, images, tiny_extractor, tmp_path):
    """Options that contradict each other are refused at once."""
    with pytest.raises(MisuseError, match=message):
        run(images, tmp_path / "results", tiny_extractor, **options)
