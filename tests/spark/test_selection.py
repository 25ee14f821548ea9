"""Which images take part: classes, samples and splits."""

from collections import Counter
from typing import Any

import pytest

from spark_job.errors import ListingError
from tests.spark import photographs
from tests.spark.runs import run

COUNTS = {"Apple Red": 9, "apple golden": 4, "Banana": 2, "Cherry": 7}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Four classes of uneven size, below a folder named like a split."""
    return photographs.write_archive(tmp_path_factory.mktemp("archive") / "Training", COUNTS)


def test_a_run_takes_its_sample_and_counts_the_rest_as_skipped(images, tiny_extractor, tmp_path):
    """Eight of four classes are two of each."""
    found = run(images, tmp_path, tiny_extractor, sample=8)
    assert Counter(row["label"] for row in found.features) == dict.fromkeys(COUNTS, 2)
    assert found.metrics["images"]["skipped_by_reason"] == {"not in the sample": 14}


def test_a_run_of_some_classes_counts_the_others_as_skipped(images, tiny_extractor, tmp_path):
    """Patterns match in any case; with a sample of each class on top."""
    found = run(images, tmp_path, tiny_extractor, classes=("apple*", "BANANA"), sample_per_class=3)
    assert Counter(row["label"] for row in found.features) == {"Apple Red": 3, "apple golden": 3, "Banana": 2}
    assert found.metrics["images"]["skipped_by_reason"] == {"class not selected": 7, "not in the sample": 7}


def test_a_run_takes_images_with_a_consent_alone(images, tiny_extractor, tmp_path):
    """Those that a table names; the features of the others are not reused, and they are counted."""
    paths = sorted(path.relative_to(images).as_posix() for path in images.rglob("*.jpg"))
    table = tmp_path / "labels.csv"
    lines = [f"{path},x,{'2026-11-28' if path.startswith('Ch') else 'no'}" for path in paths]
    table.write_text("\n".join(["path,kind,consent", *lines]))
    before: Any = {"labels": str(table), "previous": "latest"}
    table.write_text(table.read_text() + "\nother.jpg,x,no")  # the log says that there is one, not which
    logged: list[str] = []
    run(images, tmp_path / "results", tiny_extractor, "all", logged.append, **before)
    assert f"warning: --labels {table}: rows that name no image of the sources: 1." in logged
    assert ".jpg" not in "".join(logged)
    found = run(images, tmp_path / "results", tiny_extractor, "some", **before, require_consent=True)
    assert len(found.features) == COUNTS["Cherry"] == found.metrics["images"]["reused"]
    assert found.metrics["images"]["skipped_by_reason"] == {"no consent": len(paths) - COUNTS["Cherry"]}
    with pytest.raises(ListingError, match="--require-consent takes only those"):
        run(images, tmp_path / "results", tiny_extractor, "none", require_consent=True)


def test_labels_and_splits_come_with_every_table(tiny_extractor, tmp_path):
    """Several sources, splits in any case; an image without a class has an empty label."""
    for split in ("Training", "TEST", "validation"):
        photographs.write_archive(tmp_path / "data" / split, {"Pêche #1": 2}, seed=len(split))
    photographs.write_archive(tmp_path / "others", {"": 2, "Poire": 2}, seed=77)
    sources = (f"{tmp_path}/data", f"{tmp_path}/others/")
    found = run(sources, tmp_path / "results", tiny_extractor)
    expected = {("Pêche #1", "Training"): 2, ("Pêche #1", "TEST"): 2, ("Pêche #1", "validation"): 2}
    expected |= {("", ""): 2, ("Poire", ""): 2}
    for table in (found.features, found.components):
        assert Counter((row["label"], row["split"]) for row in table) == expected
    assert Counter(row["label"] for row in found.csv("components.csv")) == {"Pêche #1": 6, "": 2, "Poire": 2}
