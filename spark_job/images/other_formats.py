"""An image file of any format but the usual JPEG to upright RGB pixels; bad files get plain words."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images.picture import Picture, check_size

# Pillow opens MPO, the JPEG of several pictures, as JPEG; it has no opener of that name.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
Image.MAX_IMAGE_PIXELS = None  # ours is --max-pixels, checked on the header before anything is decoded


def decode_other(data: bytes, limits: ImageLimits, needed: tuple[int, int] | None = None) -> Picture:
    """Return an image's first frame, upright by its EXIF orientation, transparency on white.

    Args:
        needed: (height, width) of the network's input; None: decode at full size.

    Raises:
        ImageRejectedError: not an image, damaged, truncated, or larger than the limits.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            check_size(*image.size, limits)
            image.load()
            pixels = np.ascontiguousarray(_to_rgb(ImageOps.exif_transpose(image)))
            height, width = pixels.shape[:2]
            return Picture(pixels, image.mode == "L", width, height)
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
