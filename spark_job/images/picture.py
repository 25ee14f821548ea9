"""What decoding gives, whatever the format: a read header, a picture; the limits that all formats share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from spark_job.contract.node import DECODING_MIB
from spark_job.contract.run_options import MEBIBYTE, ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images.formats.names import SAVE

LONGEST_SIDE = 100_000  # a library that reads row by row holds a hundred rows, few unless they are longer
OVERSAMPLING = 3  # at so many times the input, features are those of full size (docs/decisions/0006)
LEAST_SHARE = 90  # percent of the rows, for a damaged file to be usable
STRIP_BYTES = 1024 * 1024
UNKNOWN_RANGE = "pixels have no brightness range that is known"
# After the transposition that 5 to 8 begin with; OpenCV's code: 0 over, 1 sideways, -1 both.
_FLIPS = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}
Needed = tuple[int, int] | None  # (height, width) of the network's input; None: decode at full size


@dataclass(frozen=True, slots=True)
class Picture:
    """An image's first frame, upright, on white."""

    pixels: np.ndarray  # (h, w, 3) uint8 RGB, C-contiguous; smaller where it was decoded at a scale
    greyscale: bool  # of a single channel, repeated
    width: int  # of the whole upright photograph, in pixels
    height: int
    damage: str | None = None  # a sentence about a file that is usable though it is damaged in part


def check_size(width: int, height: int, limits: ImageLimits) -> None:
    """Raise ImageRejectedError for a header's size: none, above `max_pixels`, a side above LONGEST_SIDE."""
    if min(width, height) < 1:
        raise ImageRejectedError(f"the file is damaged: it says that it has {width} x {height} pixels")
    if max(width, height) > LONGEST_SIDE:
        raise ImageRejectedError(
            f"the image has {width} x {height} pixels: no side may be longer than {LONGEST_SIDE:,}"
        )
    if width * height > limits.max_pixels:
        raise ImageRejectedError(
            f"the image has {width} x {height} pixels, more than --max-pixels {limits.max_pixels:,}"
        )


def check_memory(kind: str, width: int, height: int, needed_bytes: int) -> None:
    """Raise ImageRejectedError where the `needed_bytes`, by the header, are more than DECODING_MIB."""
    if needed_bytes > DECODING_MIB * MEBIBYTE:
        raise ImageRejectedError(
            f"decoding this {kind} of {width} x {height} pixels takes {needed_bytes // MEBIBYTE:,} MiB, more "
            f"than the {DECODING_MIB} MiB that a core has for it: save it as a baseline JPEG, or smaller"
        )


def shrinking(width: int, height: int, orientation: int, needed: Needed) -> int:
    """Return by how much both sides may be divided, and rounded up, and still be enough for the network."""
    if needed is None:
        return 1
    stored = needed if orientation < 5 else needed[::-1]
    least_height, least_width = (OVERSAMPLING * side for side in stored)
    return max(1, min((height - 1) // (least_height - 1), (width - 1) // (least_width - 1)))


def halved(pixels: np.ndarray) -> np.ndarray:
    """Return averages of 2 x 2 pixels; OpenCV does it ten times as fast as it shrinks to other sizes."""
    height, width = (side // 2 for side in pixels.shape[:2])
    even = pixels[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA))


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn (h, w, 3) pixels as Exif's orientation says (TIFF 6.0, tag 274)."""
    copy = np.asarray(cv2.transpose(pixels)) if orientation >= 5 else None
    turned = pixels if copy is None else copy
    if orientation in _FLIPS:  # the copy in its place: two of a large picture are what there is memory for
        turned = np.asarray(cv2.flip(turned, _FLIPS[orientation], dst=copy))
    return turned


@dataclass(frozen=True)
class Opened:
    """A picture whose header has been read."""

    width: int  # as stored, in pixels
    height: int
    held: float  # bytes that decoding holds, beside the rows that are being read
    strip: Callable[[int, int], Any]  # (first row, rows) -> those of `reduced`, in their order
    greyscale: bool = False
    orientation: int = 1  # as Exif has it, 1 to 8
    reduced: tuple[int, int] | None = None  # (width, height) that a decoder gives which shrinks by itself
    rows: int | None = None  # that are there; None: all
    damage: str | None = None  # a sentence about a file that is damaged in part


def damage_of(rows: int, height: int, *, early: bool) -> dict[str, Any]:
    """Return the fields of Opened of a damaged file; ImageRejectedError: it has less than LEAST_SHARE."""
    share = 100 * rows // height
    there = "all of its rows are there" if rows == height else f"{share} % of its rows are there"
    sentence = f"the file {'ends early' if early else 'is damaged'}: {there}"
    if share < LEAST_SHARE:
        raise ImageRejectedError(sentence)
    return {"rows": rows, "damage": sentence}


def bits_used(lowest: int, most: int) -> int:
    """Return how many bits the values of a file use, by its largest: 1, 8, 10, 12, 14 or 16.

    Cameras and microscopes write 10, 12 or 14 bits into files of 16, mostly without a word about it. A
    picture of which no pixel is brighter than half of a depth is so taken for one of the depth below.
    """
    if lowest < 0 or most > 65_535:
        raise ImageRejectedError(f"signed or 32-bit {UNKNOWN_RANGE}: {SAVE}")
    return next((bits for bits in (1, 8, 10, 12, 14) if most < 1 << bits), 16)


def eight_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Return uint8 of values that use so many bits."""
    scaled = values * 255 if bits == 1 else np.minimum(values >> max(0, bits - 8), 255)
    return scaled.astype(np.uint8)
