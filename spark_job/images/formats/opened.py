"""A picture whose header has been read, the depth of its values, and what is there of a damaged one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spark_job.errors import ImageRejectedError
from spark_job.images.formats.names import SAVE
from spark_job.images.picture import LEAST_SHARE

UNKNOWN_RANGE = "pixels have no brightness range that is known"


@dataclass(frozen=True)
class Opened:
    """A picture whose header has been read."""

    # width, height: as stored, in pixels
    width: int
    height: int
    held: float  # bytes that decoding holds, beside the rows that are being read
    # (first row, rows) -> those rows, of `reduced`; it is asked for one strip after the other
    strip: Callable[[int, int], Any]
    greyscale: bool = False
    orientation: int = 1  # as Exif has it, 1 to 8
    # (width, height) that the decoder gives, when it shrinks by itself
    reduced: tuple[int, int] | None = None
    rows: int | None = None  # that are there; None: all
    damage: str | None = None  # a sentence about a file that is damaged in part


def damage_of(rows: int, height: int, *, early: bool) -> dict[str, Any]:
    """Return the fields of Opened that say what is there of a damaged file.

    Raises:
        ImageRejectedError: less than LEAST_SHARE of its rows.
    """
    share = 100 * rows // height
    there = "all of its rows are there" if rows == height else f"{share} % of its rows are there"
    sentence = f"the file {'ends early' if early else 'is damaged'}: {there}"
    if share < LEAST_SHARE:
        raise ImageRejectedError(sentence)
    return {"rows": rows, "damage": sentence}


def bits_used(lowest: int, most: int) -> int:
    """Return how many bits the values of a file use, by its largest: 1, 8, 10, 12, 14 or 16.

    Cameras and microscopes write 10, 12 or 14 bits into files of 16, and masks of 0 and 1, mostly without a
    word about it: the largest value decides, unless a TIFF names it (MaxSampleValue). A picture of which no
    pixel is brighter than half of a depth is so taken for one of the depth below.
    """
    if lowest < 0 or most > 65_535:
        raise ImageRejectedError(f"signed or 32-bit {UNKNOWN_RANGE}: {SAVE}")
    return next((bits for bits in (1, 8, 10, 12, 14) if most < 1 << bits), 16)


def eight_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Return uint8 of values that use so many bits."""
    scaled = values * 255 if bits == 1 else np.minimum(values >> max(0, bits - 8), 255)
    return scaled.astype(np.uint8)
