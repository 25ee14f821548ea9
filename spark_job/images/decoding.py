"""One image file to upright RGB pixels, whatever its format; bad files get words a person understands."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image, ImageOps, UnidentifiedImageError

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError

# Pillow opens MPO, the JPEG of several pictures, as JPEG; it has no opener of that name.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
Image.MAX_IMAGE_PIXELS = None  # ours is --max-pixels, checked on the header before anything is decoded


@dataclass(frozen=True, slots=True)
class Picture:
    """Decoded (height, width, 3) uint8 RGB pixels, C-contiguous; greyscale: of a single channel, repeated."""

    pixels: np.ndarray
    greyscale: bool


def decode(data: bytes, limits: ImageLimits) -> np.ndarray:
    """Return the pixels of an image, as `decode_picture` does."""
    return decode_picture(data, limits).pixels


def decode_picture(data: bytes, limits: ImageLimits) -> Picture:
    """Return an image's first frame, upright by its EXIF orientation, transparency on white.

    Args:
        limits: `max_pixels` is checked on the header.

    Raises:
        ImageRejectedError: not an image, damaged, truncated, or larger than the limits.
    """
    if not data:
        raise ImageRejectedError("the file is empty")
    try:
        picture = _decode_plain_jpeg(data, limits) if data[:2] == b"\xff\xd8" else None
        return picture or _decode_any(data, limits)
    except MemoryError:
        raise ImageRejectedError("decoding needs more memory than the limits allow") from None


def _check_size(width: int, height: int, limits: ImageLimits) -> None:
    if width * height > limits.max_pixels:
        raise ImageRejectedError(
            f"the image has {width} x {height} pixels, more than --max-pixels {limits.max_pixels:,}"
        )


def _decode_plain_jpeg(data: bytes, limits: ImageLimits) -> Picture | None:
    """Decode the usual JPEG, with Pillow's pixels at half its time; None: let Pillow decide."""
    # An Exif block may turn the image; `b"Exif"` stands near the start, behind at most a JFIF block.
    if b"Exif" in data[:4096]:
        return None
    try:
        height, width, color_space, _ = simplejpeg.decode_jpeg_header(data)
        _check_size(width, height, limits)
        if color_space not in ("YCbCr", "Gray"):
            return None
        pixels: np.ndarray = simplejpeg.decode_jpeg(data, colorspace="RGB", fastdct=False, fastupsample=False)
    except ValueError:
        return None
    return Picture(pixels, color_space == "Gray")


def _decode_any(data: bytes, limits: ImageLimits) -> Picture:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(*image.size, limits)
            image.load()
            pixels = np.ascontiguousarray(_to_rgb(ImageOps.exif_transpose(image)))
            return Picture(pixels, image.mode == "L")
    except (ImageRejectedError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise ImageRejectedError(f"not an image of a known format ({', '.join(FORMATS)})") from None
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise ImageRejectedError(_in_words(error)) from error


def _in_words(error: Exception) -> str:
    message = str(error) or type(error).__name__
    if "truncated" in message.lower() or "unexpected end" in message.lower():
        return "the file is truncated: its end is missing"
    if message.startswith("decoder error"):  # Pillow's words for what libtiff and others refuse
        return "the file is damaged: its compressed data cannot be decoded"
    return f"the file is damaged: {message.splitlines()[0][:200]}"


def _to_rgb(image: Any) -> np.ndarray:
    """Return (height, width, 3) uint8; 16-bit grey is scaled, not clipped as Pillow's own conversion does."""
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 65_535:
            raise ImageRejectedError("32-bit pixels have no brightness range that is known")
        return np.repeat((grey >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    if image.mode == "F":
        raise ImageRejectedError("floating-point pixels have no brightness range that is known")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"))
