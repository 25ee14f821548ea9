"""The small JPEGs that reports show."""

import io
from math import prod
from typing import Any

import cv2
import numpy as np
import simplejpeg
from PIL import Image, ImageFile, ImageOps

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images.decoding import decode_picture
from spark_job.images.isolation import Order
from spark_job.images.picture import check_memory, check_size, halved

THUMBNAIL_SIDE = 64
MAX_THUMBNAIL_BYTES = 4_096
THUMBNAIL = np.dtype(("S", MAX_THUMBNAIL_BYTES))
# Photographs take 1 to 2 kB at the first; only noise without end needs the others.
QUALITIES = (72, 40, 10)
# A picture so many times as large as its thumbnail is halved first, which nobody sees: a fifth of the time.
HALVED_FROM = 4
DAMAGED_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")


def encode_thumbnail(pixels: np.ndarray) -> bytes:
    """Return a JPEG of at most 64 x 64 pixels and 4,096 bytes.

    Args:
        pixels: (h, w, 3) uint8 RGB, C-contiguous.
    """
    height, width = pixels.shape[:2]
    scale = THUMBNAIL_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        while min(pixels.shape[0] // size[1], pixels.shape[1] // size[0]) >= HALVED_FROM:
            pixels = halved(pixels)
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    encoded = (simplejpeg.encode_jpeg(pixels, quality=one, colorsubsampling="420") for one in QUALITIES)
    thumbnail: bytes = next(jpeg for jpeg in encoded if len(jpeg) <= MAX_THUMBNAIL_BYTES)
    return thumbnail


def make_thumbnail(order: Order, slot: Any, *, limits: ImageLimits) -> None:
    """Write a thumbnail of an image into its slot; of a damaged one, what Pillow makes of the part it has.

    Raises:
        ImageRejectedError: it is too large.
        Exception: of Pillow, when nothing can be shown.
    """
    try:
        pixels = decode_picture(order.content, limits, (THUMBNAIL_SIDE, THUMBNAIL_SIDE)).pixels
    except ImageRejectedError:
        pixels = _part_that_is_there(order.content, limits)
    slot["thumbnail"] = encode_thumbnail(pixels)


def _part_that_is_there(content: bytes, limits: ImageLimits) -> np.ndarray:
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        with Image.open(io.BytesIO(content), formats=DAMAGED_FORMATS) as image:
            check_size(*image.size, limits)
            check_memory(str(image.format), *image.size, 2 * 4 * prod(image.size))
            image.draft("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
            return np.ascontiguousarray(ImageOps.exif_transpose(image).convert("RGB"))
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
