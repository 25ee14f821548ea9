"""The small JPEGs that reports show."""

from typing import Any

import cv2
import numpy as np
import simplejpeg
from PIL import ImageFile

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images.decoding import decode_picture
from spark_job.images.isolation import Order
from spark_job.images.other_formats import decode_other

THUMBNAIL_SIDE = 64
MAX_THUMBNAIL_BYTES = 4_096
THUMBNAIL = np.dtype(("S", MAX_THUMBNAIL_BYTES))
# Photographs take 1 to 2 kB at the first; only noise without end needs the others.
QUALITIES = (72, 40, 10)


def encode_thumbnail(pixels: np.ndarray) -> bytes:
    """Return a JPEG of at most 64 x 64 pixels and 4,096 bytes.

    Args:
        pixels: (h, w, 3) uint8 RGB, C-contiguous.
    """
    height, width = pixels.shape[:2]
    scale = THUMBNAIL_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    encoded = (simplejpeg.encode_jpeg(pixels, quality=one, colorsubsampling="420") for one in QUALITIES)
    thumbnail: bytes = next(jpeg for jpeg in encoded if len(jpeg) <= MAX_THUMBNAIL_BYTES)
    return thumbnail


def make_thumbnail(order: Order, slot: Any, *, limits: ImageLimits) -> None:
    """Write a thumbnail of an image into its slot; of a damaged one, what Pillow makes of the part it has.

    Raises:
        ImageRejectedError: nothing can be shown.
    """
    needed = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    try:
        picture = decode_picture(order.content, limits, needed)
    except ImageRejectedError:
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        picture = decode_other(order.content, limits, needed)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    slot["thumbnail"] = encode_thumbnail(picture.pixels)
