"""The small JPEGs that reports show, from pixels that are decoded already."""

import cv2
import numpy as np
import simplejpeg

THUMBNAIL_SIDE = 64
MAX_THUMBNAIL_BYTES = 4_096
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
