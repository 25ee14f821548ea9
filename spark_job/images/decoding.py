"""One image file to upright RGB pixels, whatever its format; its content says which, never its name.

All but the usual JPEG is read in strips, each made 8 bits deep, laid on white and averaged over areas before
the next: nothing is held twice at full size. See docs/decisions/0016-formats.md.
"""

import re
import struct
from collections.abc import Callable
from math import ceil, prod
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images import picture as pictures
from spark_job.images.formats import png_webp_tiff as by_vips
from spark_job.images.formats import whole
from spark_job.images.formats.libvips import VipsError
from spark_job.images.formats.names import SAVE, recognise
from spark_job.images.jpeg import decode_jpeg
from spark_job.images.picture import Picture

JPEG = b"\xff\xd8"
MISSING = 128  # the grey of rows that are not there
# What libraries say of a file that ends early, and of one that they cannot read at all.
_SIGNS_OF_AN_END = re.compile(
    "truncated|end of file|unexpected end|not enough data|more_input|insufficient", re.IGNORECASE
)
_SIGNS_OF_A_KIND = re.compile(
    "unsupported|not supported|unimplemented|not implemented|not been built in", re.IGNORECASE
)
_OF_PYTHON = (ArithmeticError, AttributeError, LookupError, TypeError, struct.error)
_OPENERS: dict[str, Callable[[bytes, pictures.Needed], pictures.Opened]] = {
    "JPEG": whole.open_by_pillow,
    "PNG": by_vips.open_png,
    "GIF": whole.open_gif,
    "WebP": by_vips.open_webp,
    "TIFF": by_vips.open_tiff,
    "BMP": whole.open_bmp,
    "HEIC": whole.open_heic,
    "AVIF": whole.open_avif,
    "JPEG 2000": whole.open_jpeg_2000,
    "JPEG XL": whole.open_jxl,
}
_OPENERS_OF_DAMAGED = {"PNG": by_vips.open_damaged_png, "TIFF": by_vips.open_damaged_tiff}


def decode_picture(data: bytes, limits: ImageLimits, needed: pictures.Needed = None) -> Picture:
    """Return the first frame, upright, transparency on white; ImageRejectedError: it cannot be used.

    It may be decoded at a smaller scale that is still enough for `needed`, the input of the network.
    """
    if not data:
        raise ImageRejectedError("the file is empty")
    try:
        picture = decode_jpeg(data, limits, needed) if data.startswith(JPEG) else None
        return picture or _decode_other(data, limits, needed)
    except MemoryError:
        raise ImageRejectedError("decoding needs more memory than the limits allow") from None


def _decode_other(data: bytes, limits: ImageLimits, needed: pictures.Needed) -> Picture:
    kind = recognise(data)
    try:
        try:
            return _gather(kind, _OPENERS[kind](data, needed), limits, needed)
        except VipsError:
            if kind not in _OPENERS_OF_DAMAGED or (kind == "PNG" and by_vips.is_interlaced(data)):
                raise
            return _gather(kind, _OPENERS_OF_DAMAGED[kind](data), limits, needed)
    except (ImageRejectedError, MemoryError):
        raise
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise ImageRejectedError(_in_words(kind, data, error)) from error


def _in_words(kind: str, data: bytes, error: Exception) -> str:
    """Return what is wrong, for a person: what libraries say of it is for programmers."""
    words = str(error).strip().partition("\n")[0]
    short = kind == "WebP" and len(data) < 8 + int.from_bytes(data[4:8], "little")
    if short or _SIGNS_OF_AN_END.search(words):
        return f"the file ends early: this {kind} cannot be decoded"
    if isinstance(error, OSError) and words.startswith("Unsupported"):  # Pillow's, of a BMP
        return f"this kind of {kind} is not read ({words}): {SAVE}"
    if not isinstance(error, _OF_PYTHON) and _SIGNS_OF_A_KIND.search(words):
        return f"this kind of {kind} is not read: {SAVE}"
    return f"the file is damaged: this {kind} cannot be decoded"


def _gather(kind: str, opened: pictures.Opened, limits: ImageLimits, needed: pictures.Needed) -> Picture:
    """Read strip after strip into the picture; rows that are missing at its end stay grey."""
    pictures.check_size(opened.width, opened.height, limits)
    width, height = opened.reduced or (opened.width, opened.height)
    factor = pictures.shrinking(width, height, opened.orientation, needed)
    shape = (ceil(height / factor), ceil(width / factor), 3)
    copies = 2 if opened.orientation > 1 else 1  # a turned picture is held beside the one as stored
    pictures.check_memory(kind, opened.width, opened.height, int(opened.held) + copies * prod(shape))
    pixels = np.full(shape, MISSING, np.uint8)
    rows = height if opened.rows is None else opened.rows
    step = max(1, pictures.STRIP_BYTES // (4 * width * factor)) * factor
    for first in range(0, rows, step):
        strip = _on_white(opened.strip(first, min(step, rows - first)))
        if factor > 1:
            strip = Image.Image.reduce(strip, factor)
        found = np.asarray(strip)
        pixels[first // factor :][: len(found)] = found if found.ndim == 3 else found[:, :, None]
    size = (opened.width, opened.height) if opened.orientation < 5 else (opened.height, opened.width)
    pixels = pictures.upright(pixels, opened.orientation)
    return Picture(pixels, opened.greyscale, *size, opened.damage)


def _on_white(image: Any) -> Any:
    """Return an RGB or L image of 8 bits."""
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    elif image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")
