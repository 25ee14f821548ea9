"""Local folders: every file is listed once; what cannot be read says so."""

import json
import os
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import pytest

from spark_job.contract.errors import MisuseError
from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError, LargerError
from spark_job.images import listing, reading
from spark_job.images.labels import Labels
from spark_job.images.listing import ListedFile, in_pages, list_files
from spark_job.images.reading import READS_IN_FLIGHT, read_ahead, read_image

PROJECT = Path(__file__).resolve().parents[2]
LIMITS = ImageLimits()
STRANGE_NAMES = [
    "a b.jpg", "#1.jpg", "x#12.jpg", "100%.jpg", "%2F.jpg", "a+b.jpg", "a&b=c?.jpg", "~.jpg", "*.jpg",
    "[1].jpg", "{x}.jpg", "back\\slash.jpg", "a:b.jpg", "'\".jpg", "tab\t.jpg", "two\nlines.jpg", " .jpg",
    unicodedata.normalize("NFC", "pêche.jpg"), unicodedata.normalize("NFD", "pêche.jpg"), "桃.jpg", "🍑.jpg",
]  # fmt: skip


def listed(folder: Path, all_files: bool = False) -> dict[str, ListedFile]:
    """Path below the folder -> file."""
    files = list(list_files(str(folder), all_files))
    found = {file.path.removeprefix(f"{folder}/"): file for file in files}
    assert len(found) == len(files), "a file was listed twice"
    return found


def test_strange_names_are_listed_and_read_unchanged(tmp_path):
    """Each name leads back to its own content."""
    for name in STRANGE_NAMES:
        (tmp_path / name).write_bytes(name.encode())
    found = listed(tmp_path)
    assert set(found) == set(STRANGE_NAMES)
    assert {name: read_image(file, LIMITS) for name, file in found.items()} == {
        name: name.encode() for name in STRANGE_NAMES
    }


def test_a_folder_of_texts_beside_the_splits_is_no_class(tmp_path):
    """Some releases of Fruits-360 have `Meta/CLASS/…txt`: skipped, whatever says the labels."""
    for name in ("Training/Apple/1.jpg", "Meta/Apple/about.txt", "Meta/classes.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for rule in ("folder", "folder:2", "path", "none"):
        files = list_files(str(tmp_path), False, Labels(rule))
        skipped = {file.path.removeprefix(f"{tmp_path}/"): file.skipped for file in files}
        assert skipped == {
            "Training/Apple/1.jpg": None,
            "Meta/Apple/about.txt": ".txt",
            "Meta/classes.csv": ".csv",
        }


def test_a_name_that_is_no_text_is_rejected_in_words(tmp_path):
    """Old archives hold names in other encodings; they cannot stand in a table."""
    Path(os.fsdecode(bytes(tmp_path) + b"/p\xeache.jpg")).write_bytes(b"x")
    (file,) = list_files(str(tmp_path), all_files=False)
    assert file.path.endswith("p\\xeache.jpg")
    assert str(read_image(file, LIMITS)) == "the name is not valid UTF-8: rename the file"


def test_size_and_version_of_a_file_are_listed(tmp_path):
    """The version changes with the content's time."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"12345")
    before = listed(tmp_path)["a.jpg"]
    os.utime(path, ns=(1, 10**18))
    after = listed(tmp_path)["a.jpg"]
    assert before.size == after.size == 5
    assert before.etag != after.etag


def test_links_are_followed_but_never_in_circles(tmp_path):
    """A link to a folder above is one row with a reason; a link to another folder is walked."""
    (tmp_path / "photos" / "a").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.jpg").write_bytes(b"x")
    (tmp_path / "photos" / "a" / "up").symlink_to("..")
    (tmp_path / "photos" / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "photos" / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "photos" / "other").symlink_to("../elsewhere")
    found = listed(tmp_path / "photos")
    assert {name: file.error for name, file in found.items()} == {
        "a/up": "the link leads back to a folder above it",
        "self.jpg": "the link leads nowhere: Too many levels of symbolic links",
        "gone.jpg": "the link leads nowhere: No such file or directory",
        "other/x.jpg": None,
    }


def test_hidden_files_are_skipped_even_when_they_lead_nowhere(tmp_path):
    """Editors' lock files are such links."""
    (tmp_path / ".#notes").symlink_to("someone@somewhere")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    assert {name: (file.skipped, file.error) for name, file in listed(tmp_path, all_files=True).items()} == {
        ".#notes": ("hidden file", None),
        ".DS_Store": ("hidden file", None),
        "Thumbs.db": ("system file", None),
    }


def test_what_is_neither_file_nor_folder_is_not_opened(tmp_path):
    """Reading a pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (file,) = list_files(str(tmp_path), all_files=False)
    assert str(read_image(file, LIMITS)) == "neither a file nor a folder"


def test_a_folder_that_does_not_exist_is_an_error():
    """The message names it and says what is wanted."""
    with pytest.raises(MisuseError) as caught:
        list(list_files("/no/such/folder", all_files=False))
    assert str(caught.value) == (
        "/no/such/folder is not a folder; --images takes a folder or s3://BUCKET/PREFIX"
    )


def test_a_file_that_disappears_is_rejected_in_words(tmp_path):
    """Between listing and reading."""
    (tmp_path / "a.jpg").write_bytes(b"x")
    file = listed(tmp_path)["a.jpg"]
    (tmp_path / "a.jpg").unlink()
    assert str(read_image(file, LIMITS)) == "the file disappeared between listing and reading"
    (tmp_path / "a.jpg").mkdir()
    assert str(read_image(file, LIMITS)) == "the file cannot be read: Is a directory"


def test_large_and_empty_files_are_rejected_unread():
    """Nothing is opened: these do not exist."""
    for size, reason in (
        (0, "the file is empty"),
        (LIMITS.max_bytes + 1, "the file has 67,108,865 bytes, more than --max-bytes 67,108,864"),
    ):
        assert str(read_image(ListedFile("/nowhere/x.jpg", "", "", size, ""), LIMITS)) == reason


UNPRIVILEGED = """
import json, os, sys
from spark_job.contract.run_options import ImageLimits
from spark_job.images.listing import list_files
from spark_job.images.reading import read_image
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
files = list(list_files(sys.argv[1], False))
print(json.dumps({file.path.rpartition("/")[2]: str(read_image(file, ImageLimits())) for file in files}))
"""


def test_what_may_not_be_read_is_rejected_in_words():
    """A file and a folder of mode 000, as a user who is not root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "secret.jpg").write_bytes(b"x")
        (folder / "secret.jpg").chmod(0)
        (folder / "closed").mkdir(mode=0)
        answer = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED, name],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
        (folder / "closed").chmod(0o755)
    assert json.loads(answer.stdout) == {
        "secret.jpg": "the file cannot be read: permission denied",
        "closed": "the folder cannot be read: Permission denied",
    }


def test_a_large_folder_is_listed_a_piece_at_a_time(tmp_path, monkeypatch):
    """Its names are never all in memory; each file comes once, those of folders below it too."""
    monkeypatch.setattr(listing, "ENTRIES_AT_ONCE", 3)
    names = [f"{number}.jpg" for number in range(10)] + [f"below/{number}.jpg" for number in range(7)]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [file.path for file in list_files(str(tmp_path), all_files=False)]
    assert sorted(found) == sorted(str(tmp_path / name) for name in names)


def test_reading_ahead_keeps_order_and_bounds():
    """Whatever finishes first, images come back as they were asked for, few at a time."""
    running, at_once = set(), 0

    def read(image: ListedFile, *, most: int | None = None) -> bytes:
        nonlocal at_once
        running.add(image.path)
        at_once = max(at_once, len(running))
        running.discard(image.path)
        return image.path.encode()

    images = [ListedFile(f"/{number}", "", "", 1 + number % 7, "") for number in range(500)]
    found = list(read_ahead(iter(images), read))
    assert found == [(image, image.path.encode()) for image in images]
    assert at_once <= READS_IN_FLIGHT


def test_images_that_grew_after_the_listing_are_read_one_at_a_time(monkeypatch):
    """What waits in memory is bounded by what was listed; who grew is read again when it is its turn."""
    monkeypatch.setattr(reading, "MAX_BYTES_IN_FLIGHT", 100)
    held = 0

    def read(image: ListedFile, *, most: int | None = None) -> bytes:
        nonlocal held
        if most is None:
            return b"x" * 50
        held += most
        if image.path.endswith("0"):
            raise LargerError("grown")
        return b"x" * most

    images = [ListedFile(f"/{number}", "", "", 20, "") for number in range(40)]
    for number, (image, content) in enumerate(read_ahead(iter(images), read), 1):
        assert isinstance(content, bytes)
        assert len(content) == (50 if image.path.endswith("0") else 20)
        assert held - 20 * number <= 100


def test_no_more_than_the_limit_is_read_of_a_file_that_grew(tmp_path):
    """The listing said 3 bytes; a device never ends."""
    grown = tmp_path / "grown.jpg"
    grown.write_bytes(b"x" * 11)
    assert read_image(ListedFile(str(grown), size=3), ImageLimits(max_bytes=11)) == b"x" * 11
    for path in (str(grown), "/dev/zero"):
        with pytest.raises(LargerError):
            read_image(ListedFile(path, size=3), ImageLimits(max_bytes=10), most=3)
        assert str(read_image(ListedFile(path, size=3), ImageLimits(max_bytes=10))) == (
            "the file has grown since it was listed to more than --max-bytes 10 bytes"
        )


def test_an_error_of_one_read_is_the_images_own():
    """A rejection travels as a value; only S3's silence is raised."""
    refuse = ImageRejectedError("no")
    images = [ListedFile("/1", "", "", 1, ""), ListedFile("/2", "", "", 1, "")]
    answers = read_ahead(iter(images), lambda image, **_: refuse if image.path == "/1" else b"x")
    assert [content for _, content in answers] == [refuse, b"x"]


def test_pages_are_bounded_and_lose_nothing():
    """The driver never holds all files."""
    files = [ListedFile(f"/{number}", "", "", 1, "") for number in range(25)]
    pages = list(in_pages(iter(files), 10))
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [file for page in pages for file in page] == files
