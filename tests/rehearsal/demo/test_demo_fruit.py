"""The demo's fruit: enough kinds and views, the same each time, in Fruits-360's layout, and told apart."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rehearsal.demo.kinds import KINDS
from rehearsal.demo.photographs import draw_photographs, write_archive

ROOT = Path(__file__).parents[3]
VIEWS = 6


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fruit")
    assert write_archive(folder, views=VIEWS) == VIEWS * len(KINDS)
    return folder


@pytest.fixture(scope="module")
def pictures():
    """What the archive holds before it is compressed."""
    return list(draw_photographs(VIEWS, 0))


def labelled(pictures) -> tuple[np.ndarray, np.ndarray]:
    """Thumbnails of 8 x 8 as rows, and their classes."""
    names, rows = [], []
    for name, picture in pictures:
        names.append(name.split("/")[1])
        rows.append(cv2.resize(picture, (8, 8), interpolation=cv2.INTER_AREA).ravel().astype(float))
    return np.array(rows), np.array(names)


def test_there_are_at_least_twelve_kinds_with_names_of_their_own():
    """What the rehearsal promises."""
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 12


def test_the_layout_is_that_of_fruits_360(archive):
    """`Training/CLASS/NUMBER_100.jpg`, and nothing besides."""
    files = {path.relative_to(archive).as_posix() for path in archive.rglob("*") if path.is_file()}
    assert files == {f"Training/{kind.name}/{view}_100.jpg" for kind in KINDS for view in range(VIEWS)}


def test_every_file_is_a_jpeg_of_100_by_100_on_white(archive):
    """Decodable, with a fruit in the middle and (almost) white corners."""
    for path in archive.rglob("*.jpg"):
        assert path.read_bytes().startswith(b"\xff\xd8\xff")
        picture: Any = cv2.imread(str(path))
        assert picture.shape == (100, 100, 3)
        corners = picture[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert (corners.min(axis=1) > 240).sum() >= 3, path
        assert (picture[30:70, 30:70].min(axis=2) < 200).mean() > 0.3, path


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_pictures(archive, tmp_path):
    """A run on the demo can be repeated."""
    write_archive(tmp_path / "again", views=1)
    write_archive(tmp_path / "other", views=1, seed=1)
    name = f"Training/{KINDS[0].name}/0_100.jpg"
    first, again, other = (
        (folder / name).read_bytes() for folder in (archive, tmp_path / "again", tmp_path / "other")
    )
    assert first == again
    assert first != other


def test_no_two_views_of_a_kind_are_the_same(pictures):
    """Each is turned, lit and sized in its own way."""
    assert len({picture.tobytes() for _, picture in pictures}) == len(pictures)


def test_the_nearest_neighbour_tells_the_kinds_apart(pictures):
    """On tiny thumbnails of other views: far above chance, which is one in twelve."""
    known, names = labelled(pictures)
    asked, truth = labelled(draw_photographs(3, 7))
    distances = ((asked[:, None, :] - known[None, :, :]) ** 2).sum(-1)
    assert (names[distances.argmin(1)] == truth).mean() > 0.8


@pytest.mark.command
def test_the_command_line_writes_the_archive(tmp_path):
    """One line with folder and count; a folder that cannot be made is one line as well."""

    def call(out):
        return subprocess.run(
            [sys.executable, "-m", "fruit", "rehearse", "photographs", f"--out={out}", "--views=1"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )

    done = call(tmp_path / "fruit")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{tmp_path / 'fruit'}: {len(KINDS)} photographs")
    (tmp_path / "file").write_text("in the way")
    refused = call(tmp_path / "file" / "below")
    assert refused.returncode == 1
    assert "cannot be written" in refused.stderr
