"""What decoding gives, whatever the format, and the limit of size that all formats share."""

from dataclasses import dataclass

import numpy as np

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError


@dataclass(frozen=True, slots=True)
class Picture:
    """An image's first frame, upright, on white.

    Attributes:
        pixels: (h, w, 3) uint8 RGB, C-contiguous; smaller than the photograph when it was decoded at a scale.
        greyscale: of a single channel, repeated.
        width, height: of the whole upright photograph, in pixels.
        damage: a sentence about a file that is usable though it is damaged in part.
    """

    pixels: np.ndarray
    greyscale: bool
    width: int
    height: int
    damage: str | None = None


def check_size(width: int, height: int, limits: ImageLimits) -> None:
    """Refuse an image by what its header says of its size.

    Raises:
        ImageRejectedError: more pixels than `max_pixels`.
    """
    if width * height > limits.max_pixels:
        raise ImageRejectedError(
            f"the image has {width} x {height} pixels, more than --max-pixels {limits.max_pixels:,}"
        )
