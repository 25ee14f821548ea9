"""HEIC, AVIF and JPEG XL, which are decoded as one array each."""

import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import imagecodecs
import numpy as np
import pi_heif
from PIL import Image

from spark_job.errors import ImageRejectedError
from spark_job.images.formats.names import SAVE
from spark_job.images.formats.pillow import describe
from spark_job.images.picture import UNKNOWN_RANGE, Needed, Opened, eight_bits

pi_heif.options.DECODE_THREADS = 1
pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
_HELD_BY_JXL = 8  # bytes a pixel, measured with the largest picture that is allowed


def open_heic(data: bytes, _: Needed) -> Opened:
    """Describe a HEIC; libheif turns it upright by itself, so its Exif block says nothing more."""
    file = pi_heif.open_heif(data)
    width, height = file.size

    def strip(first: int, rows: int) -> Image.Image:
        content: Any = memoryview(file.data)[first * file.stride : (first + rows) * file.stride]
        image = Image.frombuffer(file.mode, (width, rows), content, "raw", file.mode, file.stride, 1)
        return Image.fromarray(eight_bits(np.asarray(image), 16)) if file.mode == "I;16" else image

    held = (7 if file.has_alpha else 5) * (1 if file.info["bit_depth"] == 8 else 2)
    return Opened(width, height, held * width * height, strip, file.mode in ("L", "I;16"))


def open_avif(data: bytes, _: Needed) -> Opened:
    """Read the header of an AVIF by Pillow, which decodes only one of several frames."""
    image: Any = Image.open(io.BytesIO(data), formats=("AVIF",))
    opened = describe("AVIF", image)
    if getattr(image, "n_frames", 1) > 1:  # imagecodecs crashes when it has read one frame of several
        return replace(opened, held=2 * opened.held)
    flags = data[data.find(b"av1C") + 6]  # AV1's configuration: bit 6 high depth, bit 5 twelve bits
    bits = 8 + 2 * (flags >> 6 & 1) + 2 * (flags >> 5 & 1)
    held = opened.held * (1 if bits == 8 else 2) * (1.7 if image.mode == "RGBA" else 1)
    return replace(opened, held=held, strip=_decoded_at_once(data, imagecodecs.avif_decode, bits))


def open_jxl(data: bytes, _: Needed) -> Opened:
    """Describe a JPEG XL; libjxl turns it upright by itself, and fills all 16 bits."""
    width, height = _size_of_jxl(data)
    strip = _decoded_at_once(data, imagecodecs.jpegxl_decode, 16)
    return Opened(width, height, _HELD_BY_JXL * width * height, strip)


def _decoded_at_once(data: bytes, decode: Callable[..., np.ndarray], bits: int) -> Callable[[int, int], Any]:
    """Return what gives strips of a picture, which is decoded as one array when the first is asked for."""
    decoded = cache(partial(decode, data, index=0, numthreads=1))

    def strip(first: int, rows: int) -> Any:
        part = decoded()[first : first + rows]
        if part.dtype.kind != "u":
            raise ImageRejectedError(f"floating-point {UNKNOWN_RANGE}: {SAVE}")
        return Image.fromarray(part if part.dtype == np.uint8 else eight_bits(part, bits))

    return strip


def _size_of_jxl(data: bytes) -> tuple[int, int]:
    """Return the width and the height, before the picture is turned (ISO 18181-1, SizeHeader)."""
    start = 0
    if data[:2] != b"\xff\x0a":
        start = min(
            at for at in (data.find(b"\xff\x0a", data.find(name)) for name in (b"jxlc", b"jxlp")) if at > 0
        )
    bits = int.from_bytes(data[start + 2 : start + 18], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    height = side()
    ratio = take(3)
    shares = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
    width = height * shares[ratio - 1][0] // shares[ratio - 1][1] if ratio else side()
    return width, height
