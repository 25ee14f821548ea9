"""Small pictures of images for the report, made in the decoder's process."""

import io
from typing import Any

from PIL import Image, ImageFile

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images.decoding import decode
from spark_job.images.tensors import Content

THUMBNAIL_PIXELS = 64


def make_thumbnails(contents: list[Content], _first_slot: int, *, limits: ImageLimits) -> list[bytes | None]:
    """Return a small JPEG of what can be shown of each image, or None."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        return [_thumbnail(content, limits) for content in contents]
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _thumbnail(content: Content, limits: ImageLimits) -> bytes | None:
    try:
        if isinstance(content, ImageRejectedError):
            raise content
        image: Any = Image.fromarray(decode(content, limits))
    except ImageRejectedError:
        return None
    image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS), Image.Resampling.BOX)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=72)
    return buffer.getvalue()
