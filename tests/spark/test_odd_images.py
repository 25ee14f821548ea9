"""A run over every odd file there is: each is usable or rejected with a reason, and none stops it."""

import unicodedata
from functools import partial

import numpy as np
import pytest

from spark_job.contract.run_options import ImageLimits
from spark_job.pipeline import feature_stage
from tests.spark import doubles, photographs
from tests.spark.runs import run

ODD_NAMES = [
    "a b.jpg",
    "été.jpg",
    "#1.jpg",
    "100%.jpg",
    "50%20off.jpg",
    "1+1=2.jpg",
    "x#2.jpg",
    'it\'s, "so".jpg',
]
SYSTEM_FILES = [".DS_Store", "Thumbs.db", ".hidden.jpg", "desktop.ini", "._photo.jpg"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Good, odd and hopeless files, in classes of odd names, some in no class."""
    folder = tmp_path_factory.mktemp("odd") / "my photographs #1 100% été+"
    for label, files in (
        ("odd", photographs.usable_oddities()),
        ("hopeless", photographs.hopeless_files()),
    ):
        (folder / label).mkdir(parents=True)
        for name, content in files.items():
            (folder / label / name).write_bytes(content)
    pictures = (photographs.encoded(photographs.pixels(seed)) for seed in range(100, 200))
    names = folder / 'Crème brûlée, 50% #2 + "extra"'
    names.mkdir()
    for name in ODD_NAMES:
        (names / name).write_bytes(next(pictures))
    for form in ("NFC", "NFD"):
        (names / f"{form} {unicodedata.normalize(form, 'pêche')}.jpg").write_bytes(next(pictures))
    (folder / "in no class.jpg").write_bytes(next(pictures))
    for name in SYSTEM_FILES:
        (folder / "odd" / name).write_bytes(b"anything")
    (folder / "folder.jpg").mkdir()
    (folder / "odd" / "loop").symlink_to(folder)
    (folder / "odd" / "leads nowhere.jpg").symlink_to(folder / "gone.jpg")
    (folder / "notes.txt").write_text("not a photograph")
    return folder


@pytest.fixture(scope="module")
def results(archive, tiny_extractor, tmp_path_factory):
    """The results of one run over all of it."""
    return run(archive, tmp_path_factory.mktemp("results"), tiny_extractor)


def test_every_unusual_picture_is_usable(results):
    """Among them a PNG that calls itself JPEG, CMYK, 16 bits, animations and one pixel."""
    assert set(photographs.usable_oddities()) <= results.usable_names


def test_every_hopeless_file_is_rejected_in_words(results):
    """rejected.csv lists exactly those, each with a reason for a person."""
    expected = {*photographs.hopeless_files(), "loop", "leads nowhere.jpg"}
    assert set(results.rejected) == expected
    for name, reason in results.rejected.items():
        assert 5 < len(reason) < 300, name
        assert reason.isprintable(), name
        assert "Traceback" not in reason, name


def test_a_rejected_image_keeps_its_row(results):
    """Features are null exactly where an error is given; then the size of the picture is unknown too."""
    rows = results.features
    assert len(rows) == results.metrics["images"]["usable"] + results.metrics["images"]["rejected"]
    for row in rows:
        assert (row["features"] is None) == (row["error"] is not None), row["path"]
        if row["error"] is None:
            assert len(row["features"]) == 12
            assert np.isfinite(row["features"]).all()
            assert row["width"] > 0
            assert row["height"] > 0


def test_hidden_and_system_files_are_skipped(results):
    """They are counted by reason and appear nowhere else."""
    assert results.metrics["images"]["skipped_by_reason"] == {"hidden file": 3, "system file": 2, ".txt": 1}


def test_names_survive_unchanged(results, archive):
    """Spaces, accents in both forms, quotes, #, % and + are the same in every table and CSV file."""
    on_disk = {str(path) for path in archive.rglob("*.jpg") if path.is_file() and path.name[0] != "."}
    on_disk = {path for path in on_disk if "/loop/" not in path}
    listed = {row["path"] for row in results.features}
    assert on_disk <= listed
    usable = {row["path"] for row in results.features if row["error"] is None}
    assert {row["path"] for row in results.csv("components.csv")} == usable
    rejected = {row["path"] for row in results.csv("rejected.csv")}
    assert listed == usable | rejected
    assert not usable & rejected


def test_labels_are_the_folders_names(results):
    """A photograph directly in the source has an empty label."""
    labels = {row["path"].rpartition("/")[2]: row["label"] for row in results.csv("components.csv")}
    assert labels["in no class.jpg"] == ""
    assert labels["#1.jpg"] == 'Crème brûlée, 50% #2 + "extra"'
    assert labels["turned.jpg"] == "odd"


def test_a_turned_photograph_has_the_features_of_the_upright_one(results):
    """The stored left half (red) is on top once upright: the upper quadrants are red."""
    (features,) = [row["features"] for row in results.features if row["path"].endswith("turned.jpg")]
    quadrants = np.array(features).reshape(2, 2, 3)
    assert (quadrants[0, :, 0] > 0.9).all()
    assert (quadrants[1, :, 2] > 0.9).all()


def test_a_hanging_or_crashing_decoder_costs_only_its_image(tiny_extractor, tmp_path, monkeypatch):
    """The images beside it in the same batch stay usable."""
    images = photographs.write_archive(tmp_path / "images", {"a": 20})
    for name in ("hang", "crash"):
        content = photographs.encoded(photographs.pixels(5)) + name.encode()
        (images / "a" / f"{name}.jpg").write_bytes(content)
    load = doubles.worker_engine_of(partial(doubles.HostileDecoder))
    monkeypatch.setattr(feature_stage, "worker_engine", load)
    limits = ImageLimits(max_seconds=1.5)
    found = run(images, tmp_path / "results", tiny_extractor, limits=limits)
    assert found.rejected == {
        "hang.jpg": "decoding takes longer than --max-seconds 1.5",
        "crash.jpg": "the file crashes its decoder",
    }
    assert found.metrics["images"]["usable"] == 20
