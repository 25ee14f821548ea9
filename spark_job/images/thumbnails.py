"""Thumbnails of images for reports, made in the decoder's process."""

import io
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from PIL import Image, ImageFile

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images.decoding import decode
from spark_job.images.isolation import Isolated
from spark_job.images.listing import ListedFile
from spark_job.images.preparation import Content
from spark_job.images.reading import read_ahead, read_image

THUMBNAIL_PIXELS = 64


def thumbnails(files: Iterable[ListedFile], limits: ImageLimits) -> Iterator[bytes | None]:
    """Yield a small JPEG of each image, in order; None where nothing can be shown."""
    isolated: Isolated[Content, bytes | None] = Isolated(
        partial(make_thumbnails, limits=limits), failed=lambda _, reason: None, max_seconds=limits.max_seconds
    )
    contents = read_ahead(iter(files), partial(read_image, limits=limits))
    return (thumbnail for _, thumbnail in isolated.map(content for _, content in contents))


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
