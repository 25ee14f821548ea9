"""The listing's table: written whole, dealt out without a loss."""

from collections import Counter
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from spark_job.arrow_tables import part_uris
from spark_job.images import listing
from spark_job.images.listing import ListedFile, read_listing, rewrite_listing, shares, write_listing
from spark_job.storage import Folder


def files(count: int) -> list[ListedFile]:
    """Every fifth is skipped."""
    return [
        ListedFile(f"/é {n}.jpg", "a", "", n, f"e{n}", skipped=None if n % 5 else "a .txt file")
        for n in range(count)
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Of parts with 30 rows."""
    monkeypatch.setattr(listing, "ROWS_PER_PART", 30)
    monkeypatch.setattr(listing, "ROWS_AT_ONCE", 10)
    return Folder(str(tmp_path / "listing"))


@pytest.mark.parametrize("count", [0, 1, 29, 30, 31, 100])
def test_a_listing_comes_back_in_order(folder, count):
    """Missing values stay missing."""
    write_listing(folder, iter(files(count)))
    assert list(read_listing(folder)) == files(count)


def test_a_shorter_listing_leaves_nothing_of_a_longer_one(folder):
    """When a stage is started over on an archive that shrank."""
    write_listing(folder, iter(files(100)))
    write_listing(folder, iter(files(20)))
    assert list(read_listing(folder)) == files(20)


def test_a_listing_is_changed_in_place(folder):
    """Row by row, in all parts."""
    write_listing(folder, iter(files(100)))
    rewrite_listing(folder, lambda file: replace(file, label="b"))
    assert list(read_listing(folder)) == [replace(file, label="b") for file in files(100)]


def test_a_listing_of_before_there_were_tables_of_labels_is_read(folder):
    """A run that was begun then goes on."""
    write_listing(folder, iter(files(29)))
    part = part_uris(folder)[0]
    pq.write_table(pq.read_table(part).drop_columns(["labels"]), part)
    assert list(read_listing(folder)) == files(29)
    assert shares(folder, 100)[0].batch().schema == listing.LISTING_SCHEMA


@pytest.mark.parametrize("images_per_share", [1, 7, 24, 1000])
def test_shares_hold_every_image_that_takes_part_once(folder, images_per_share):
    """None is empty or larger than asked for, and they are numbered without a gap."""
    write_listing(folder, iter(files(100)))
    dealt = shares(folder, images_per_share)
    rows = [share.batch() for share in dealt]
    assert [share.number for share in dealt] == list(range(len(dealt)))
    assert all(0 < batch.num_rows <= images_per_share for batch in rows)
    paths = Counter(path for batch in rows for path in batch.column("path").to_pylist())
    assert paths == Counter(file.path for file in files(100) if not file.skipped)
