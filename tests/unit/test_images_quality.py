"""The hash of the pixels: the same for the same photograph, another for any other."""

from dataclasses import replace

import numpy as np
import pytest

from spark_job.images.picture import Picture
from spark_job.images.quality import measure


def picture(pixels: np.ndarray) -> Picture:
    height, width = pixels.shape[:2]
    return Picture(pixels, False, width, height)


@pytest.fixture
def photograph() -> np.ndarray:
    """Of which a tenth of the pixels or fewer are looked at one by one."""
    return np.random.default_rng(3).integers(0, 255, (300, 400, 3), np.uint8)


def test_the_same_pixels_have_the_same_hash(photograph):
    """However often they are measured."""
    assert measure(picture(photograph)).pixel_hash == measure(picture(photograph.copy())).pixel_hash


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_pixel_makes_another_photograph(photograph, channel):
    """By a single step of one colour, wherever it stands."""
    expected = measure(picture(photograph)).pixel_hash
    for row, column in np.random.default_rng(4).integers(0, 300, (20, 2)):
        changed = photograph.copy()
        changed[row, column, channel] += 1
        assert measure(picture(changed)).pixel_hash != expected, (row, column)


@pytest.mark.parametrize("axis", [0, 1])
def test_small_marks_that_change_places_make_another_photograph(axis):
    """As 12 and 21 in a corner: all pixels are the same, in another order along a row or a column."""
    paper, mark = np.full((300, 400, 3), 255, np.uint8), np.zeros((3, 2, 3), np.uint8)
    other = paper.copy()
    paper[11:14, 21:23], other[41:44, 21:23] = mark, mark
    if axis:
        other[:] = 255
        other[11:14, 31:33] = mark
    assert measure(picture(paper)).pixel_hash != measure(picture(other)).pixel_hash


def test_photographs_of_two_sizes_are_two(photograph):
    """Though both were decoded to the same pixels, each at a scale."""
    large = replace(picture(photograph), width=1600, height=1200)
    assert measure(large).pixel_hash != measure(replace(large, width=1599)).pixel_hash
