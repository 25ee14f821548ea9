"""The small JPEGs that reports show."""

from typing import Any

import cv2
import numpy as np
import simplejpeg
from PIL import ImageFile

from spark_job.contract.run_options import ImageLimits
from spark_job.images.decoding import decode
from spark_job.images.isolation import Order

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
    """Write a thumbnail of what can be shown of an image into its slot.

    Raises:
        ImageRejectedError: nothing can be shown.
    """
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    slot["thumbnail"] = encode_thumbnail(decode(order.content, limits))
