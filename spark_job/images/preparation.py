"""From the bytes of an image to the tensor that a network expects, in the decoder's process.

The process imports this module when it starts: nothing here needs Arrow, Spark or a network.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.extractors.specification import ExtractorSpecification
from spark_job.images.decoding import decode_picture
from spark_job.images.isolation import SharedArray
from spark_job.images.quality import Quality, measure
from spark_job.images.thumbnails import encode_thumbnail

cv2.setNumThreads(1)
Content = bytes | ImageRejectedError


def prepare(pixels: np.ndarray, specification: ExtractorSpecification, tensor: np.ndarray) -> None:
    """Fill `tensor` with the image as the network wants it.

    Bilinear where the image grows; averaged over areas where it shrinks in both directions, which
    plain bilinear would alias. The scaling is done on the smaller of the two, with equal results:
    both steps are linear.

    Args:
        pixels: (h, w, 3) uint8, RGB.
        tensor: (height, width, 3) float32, C-contiguous; written.

    Raises:
        ImageRejectedError: there is not memory enough.
    """
    try:
        _fill(pixels, specification, tensor)
    except (MemoryError, cv2.error):
        raise ImageRejectedError("resizing needs more memory than the limits allow") from None


def _fill(pixels: np.ndarray, specification: ExtractorSpecification, tensor: np.ndarray) -> None:
    if specification.channel_order == "BGR":
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    target = (specification.width, specification.height)
    height, width = pixels.shape[:2]
    if height >= specification.height and width >= specification.width:
        if (width, height) != target:
            pixels = cv2.resize(pixels, target, interpolation=cv2.INTER_AREA)
        _scale(pixels, specification, tensor)
        return
    scaled = np.empty(pixels.shape, np.float32)
    _scale(pixels, specification, scaled)
    cv2.resize(scaled, target, dst=tensor, interpolation=cv2.INTER_LINEAR)


def _scale(pixels: np.ndarray, specification: ExtractorSpecification, out: np.ndarray) -> None:
    """Write (pixels - mean) / scale row by row: NumPy is 10 times slower on a trailing axis of 3."""
    height, width = pixels.shape[:2]
    mean, factor = _rows(specification.pixel_mean, specification.pixel_scale, width)
    rows = out.reshape(height, width * 3)
    np.subtract(pixels.reshape(height, width * 3), mean, out=rows)
    np.multiply(rows, factor, out=rows)


@lru_cache(maxsize=256)
def _rows(
    mean: tuple[float, float, float], scale: tuple[float, float, float], width: int
) -> tuple[np.ndarray, np.ndarray]:
    factor = (1 / np.asarray(scale, np.float64)).astype(np.float32)
    return np.tile(np.asarray(mean, np.float32), width), np.tile(factor, width)


class Order(NamedTuple):
    """One image for the decoder's process, and whether its thumbnail is wanted."""

    content: Content
    thumbnail: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of one image's bytes; its tensor lies in the shared slot unless there is an error.

    Attributes:
        width, height: of the whole upright photograph, in pixels.
        seconds: of the processor.
        damage: a sentence about a file that is usable though it is damaged in part.
        thumbnail: a JPEG of at most MAX_THUMBNAIL_BYTES, if it was wanted.
    """

    width: int | None = None
    height: int | None = None
    error: str | None = None
    seconds: float = 0.0
    quality: Quality | None = None
    damage: str | None = None
    thumbnail: bytes | None = None


def prepare_images(
    orders: list[Order],
    first_slot: int,
    *,
    specification: ExtractorSpecification,
    limits: ImageLimits,
    tensors: SharedArray,
) -> list[Prepared]:
    """Decode and prepare images into their slots."""
    slots = tensors.open()
    return [
        _prepare_image(order, specification, limits, slots[slot])
        for slot, order in enumerate(orders, first_slot)
    ]


def _prepare_image(
    order: Order, specification: ExtractorSpecification, limits: ImageLimits, tensor: np.ndarray
) -> Prepared:
    started = time.process_time()
    try:
        if isinstance(order.content, ImageRejectedError):
            raise order.content
        picture = decode_picture(order.content, limits, (specification.height, specification.width))
        prepare(picture.pixels, specification, tensor)
        quality = measure(picture.pixels, picture.greyscale)
        thumbnail = encode_thumbnail(picture.pixels) if order.thumbnail else None
    except ImageRejectedError as error:
        return Prepared(error=str(error))
    seconds = time.process_time() - started
    return Prepared(picture.width, picture.height, None, seconds, quality, picture.damage, thumbnail)
