"""From an image's bytes to what a network and a report want, in the decoder's process, without Arrow."""

import io
import resource
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, replace
from functools import lru_cache, partial
from math import prod
from typing import Any, get_type_hints

import cv2
import numpy as np
import simplejpeg
from PIL import Image, ImageFile, ImageOps

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.extractors.specification import ExtractorSpecification
from spark_job.images.decoding import decode_picture
from spark_job.images.isolation import TEXT, Isolated, Key, Order, text_from
from spark_job.images.picture import Picture, check_memory, check_size, halved
from spark_job.images.quality import EDGE_SIDE, Quality, measure

cv2.setNumThreads(1)
LONGEST_PREPARED_SIDE = 16_384  # a long strip is made shorter first: to prepare it takes memory by its side
THUMBNAIL_SIDE = 64
MAX_THUMBNAIL_BYTES = 4_096
THUMBNAIL = np.dtype(("S", MAX_THUMBNAIL_BYTES))
QUALITIES = (72, 40, 10)  # photographs take 1 to 2 kB at the first; only noise without end needs the others
HALVED_FROM = 4  # a picture so many times its thumbnail is halved first, in a fifth of the time
DAMAGED_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
_KINDS = {float: np.float64, bool: np.bool_, str: np.dtype("S32")}
MEASURES = np.dtype([(name, _KINDS[kind]) for name, kind in get_type_hints(Quality).items()])
LARGEST_FACT = 1e9  # of widths, seconds and measures
# What a slot says of an image, beside its tensor.
_MEASURED = [("width", np.int32), ("height", np.int32), ("seconds", np.float64), ("quality", MEASURES)]
FACTS = np.dtype([*_MEASURED, ("damage", TEXT), ("thumbnail", THUMBNAIL)])


def prepare(pixels: np.ndarray, specification: ExtractorSpecification, tensor: np.ndarray) -> None:
    """Fill a (height, width, 3) float32, C-contiguous tensor with (h, w, 3) uint8 RGB pixels, as specified.

    Bilinear where the image grows; averaged over areas where it shrinks in both directions, which plain
    bilinear would alias. Pixels are scaled where there are fewer of them: both steps are linear.
    """
    height, width = pixels.shape[:2]
    target = (specification.width, specification.height)
    try:
        if specification.channel_order == "BGR":
            pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        if height >= specification.height and width >= specification.width:
            if (width, height) != target:
                pixels = cv2.resize(pixels, target, interpolation=cv2.INTER_AREA)
            _scale(pixels, specification, tensor)
        else:
            scaled = np.empty(pixels.shape, np.float32)
            _scale(pixels, specification, scaled)
            cv2.resize(scaled, target, dst=tensor, interpolation=cv2.INTER_LINEAR)
    except (MemoryError, cv2.error):
        raise ImageRejectedError("resizing needs more memory than the limits allow") from None


def _scale(pixels: np.ndarray, specification: ExtractorSpecification, out: np.ndarray) -> None:
    """Write (pixels - mean) / scale row by row: NumPy is 10 times slower on a trailing axis of 3."""
    height, width = pixels.shape[:2]
    mean, factor = _rows(specification.pixel_mean, specification.pixel_scale, width)
    rows = out.reshape(height, width * 3)
    np.subtract(pixels.reshape(height, width * 3), mean, out=rows)
    np.multiply(rows, factor, out=rows)


@lru_cache(maxsize=32)
def _rows(
    mean: tuple[float, float, float], scale: tuple[float, float, float], width: int
) -> tuple[np.ndarray, np.ndarray]:
    factor = (1 / np.asarray(scale, np.float64)).astype(np.float32)
    return np.tile(np.asarray(mean, np.float32), width), np.tile(factor, width)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of one image's bytes."""

    width: int | None = None  # of the whole upright photograph, in pixels
    height: int | None = None
    error: str | None = None
    seconds: float = 0.0  # of the processor
    quality: Quality | None = None
    damage: str | None = None  # a sentence about a file that is usable though it is damaged in part
    thumbnail: bytes | None = None  # a JPEG of at most MAX_THUMBNAIL_BYTES, if it was wanted


def prepared_images(
    images: Iterable[tuple[Key, Order]], specification: ExtractorSpecification, limits: ImageLimits
) -> Iterator[tuple[Key, Prepared, np.ndarray]]:
    """Yield each key, what became of its image, and its tensor, which means nothing where there is an error.

    The tensor, (height, width, 3) float32 in shared memory, stays until the next one is asked for.
    """
    layout = layout_for(specification)
    function = partial(prepare_image, specification=specification, limits=limits)
    for key, outcome in Isolated(function, layout, limits.max_seconds).map(images):
        if isinstance(outcome, ImageRejectedError):
            yield key, Prepared(error=str(outcome)), np.empty(layout["tensor"].shape, np.float32)
        else:
            yield key, read_facts(outcome["facts"]), outcome["tensor"]


def layout_for(specification: ExtractorSpecification) -> np.dtype[Any]:
    """Return what a slot of shared memory holds."""
    shape = (specification.height, specification.width, 3)
    return np.dtype([("tensor", np.float32, shape), ("facts", FACTS)])


def prepare_image(
    order: Order, slot: Any, *, specification: ExtractorSpecification, limits: ImageLimits
) -> None:
    """Decode and prepare one image into its slot. Raises ImageRejectedError: it cannot be used."""
    started = _processor_seconds()
    needed = (max(specification.height, EDGE_SIDE), max(specification.width, EDGE_SIDE))
    picture = _shortened(decode_picture(order.content, limits, needed))
    prepare(picture.pixels, specification, slot["tensor"])
    quality = astuple(measure(picture))
    damage = (picture.damage or "").encode()
    thumbnail = encode_thumbnail(picture.pixels) if order.thumbnail else b""
    seconds = _processor_seconds() - started
    slot["facts"] = (picture.width, picture.height, seconds, quality, damage, thumbnail)


def _processor_seconds() -> float:
    """Return what this process took, all threads; its own clock advances in steps when RLIMIT_CPU is set."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _shortened(picture: Picture) -> Picture:
    """Return a picture whose pixels have no side longer than LONGEST_PREPARED_SIDE, averaged over areas."""
    height, width = picture.pixels.shape[:2]
    if max(height, width) <= LONGEST_PREPARED_SIDE:
        return picture
    target = (min(width, LONGEST_PREPARED_SIDE), min(height, LONGEST_PREPARED_SIDE))
    return replace(picture, pixels=cv2.resize(picture.pixels, target, interpolation=cv2.INTER_AREA))


def read_facts(facts: Any) -> Prepared:
    """Return what a decoder says of an image, if it can be true."""
    width, height, seconds, measured, damage, thumbnail = facts.tolist()
    numbers = [width - 1, height - 1, seconds, *(one for one in measured if isinstance(one, float))]
    if not all(0 <= number <= LARGEST_FACT for number in numbers):  # not-a-number neither
        return Prepared(error="the decoder's answer cannot be true")
    measures: list[Any] = [text_from(one) if isinstance(one, bytes) else one for one in measured]
    quality = Quality(*measures)
    return Prepared(width, height, None, seconds, quality, text_from(damage) or None, thumbnail or None)


def encode_thumbnail(pixels: np.ndarray) -> bytes:
    """Return a JPEG of at most 64 x 64 pixels and 4,096 bytes, of (h, w, 3) uint8 RGB, C-contiguous."""
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
    """Write a thumbnail into a slot; of a damaged image, what Pillow makes of the part it has."""
    try:
        pixels = decode_picture(order.content, limits, (THUMBNAIL_SIDE, THUMBNAIL_SIDE)).pixels
    except ImageRejectedError:
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            with Image.open(io.BytesIO(order.content), formats=DAMAGED_FORMATS) as image:
                check_size(*image.size, limits)
                check_memory(str(image.format), *image.size, 2 * 4 * prod(image.size))
                image.draft("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
                pixels = np.ascontiguousarray(ImageOps.exif_transpose(image).convert("RGB"))
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
    slot["thumbnail"] = encode_thumbnail(pixels)
