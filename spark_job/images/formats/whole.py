"""Formats that are decoded as a whole: GIF, BMP, JPEG 2000, HEIC, AVIF, JPEG XL, some JPEG and TIFF."""

import io
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from math import ceil, prod
from typing import Any

import imagecodecs
import numpy as np
import pi_heif
from PIL import Image

from spark_job.errors import ImageRejectedError
from spark_job.images.formats.names import SAVE, recognise
from spark_job.images.picture import UNKNOWN_RANGE, Needed, Opened, bits_used, eight_bits, shrinking

Image.MAX_IMAGE_PIXELS = None  # ours are --max-pixels and the memory, checked on the header
Image.init()  # its readers, now: behind the border of the decoder's process there are few files

# What decoding holds, in bytes a pixel, measured with the largest picture that is allowed.
_HELD = {"JPEG": 4.5, "GIF": 1.5, "BMP": 4.5, "TIFF": 4.5, "AVIF": 5.5, "JPEG 2000": 20}
_ORIENTATION = 0x0112
_HELD_BY_JXL = 8  # bytes a pixel, measured with the largest picture that is allowed


def open_by_pillow(data: bytes, _: Needed) -> Opened:
    """Read the header of a format that Pillow calls as we do."""
    kind = recognise(data)
    return describe(kind, Image.open(io.BytesIO(data), formats=(kind,)))


def open_jpeg_2000(data: bytes, needed: Needed) -> Opened:
    """Read the header; of the resolutions that it has, it is decoded at the smallest that is enough."""
    image: Any = Image.open(io.BytesIO(data), formats=("JPEG2000",))
    opened = describe("JPEG 2000", image)
    style = data.find(b"\xff\x52")  # COD: of its fields the sixth byte is the number of resolutions
    most = data[style + 9] if 0 < style < len(data) - 9 else 0
    halvings = min(most, shrinking(opened.width, opened.height, opened.orientation, needed).bit_length() - 1)
    image.reduce = halvings
    reduced = ceil(opened.width / 2**halvings), ceil(opened.height / 2**halvings)
    return replace(opened, reduced=reduced, held=_HELD["JPEG 2000"] * prod(reduced))


def describe(kind: str, image: Any) -> Opened:
    """Describe an image that Pillow has opened and not yet decoded."""
    if image.mode == "F":
        raise ImageRejectedError(f"floating-point {UNKNOWN_RANGE}: {SAVE}")
    width, height = image.size
    orientation = 1
    with suppress(Exception):  # an Exif block that is none says nothing
        orientation = image.getexif().get(_ORIENTATION, 1)
    bits: list[int] = []

    def strip(first: int, rows: int) -> Any:
        image.load()  # a JPEG 2000 has its reduced size from here on
        part = image.crop((0, first, image.width, first + rows))
        if not part.mode.startswith("I"):
            return part
        bits.extend([] if bits else [bits_used(*map(int, image.getextrema()))])
        return Image.fromarray(eight_bits(np.asarray(part), *bits))

    one_byte = image.mode in ("1", "L", "P")
    return Opened(
        width,
        height,
        (1.5 if one_byte else _HELD[kind]) * width * height,
        strip,
        image.mode in ("1", "L", "LA") or image.mode.startswith("I"),
        orientation if orientation in range(1, 9) else 1,
    )


def open_gif(data: bytes, needed: Needed) -> Opened:
    """Read the header of a GIF, which no program turns by its metadata."""
    return replace(open_by_pillow(data, needed), orientation=1)


def open_bmp(data: bytes, needed: Needed) -> Opened:
    """Read the header of a BMP, some of which Pillow does not know."""
    try:
        return open_by_pillow(data, needed)
    except OSError as error:
        if "bitfields" not in str(error):
            raise
    return _open_bitfields(data)


def _open_bitfields(data: bytes) -> Opened:
    """Describe a BMP whose header names other bits for red, green and blue than are usual."""
    offset, header_size, width, height = struct.unpack("<II2i", data[10:26])
    bits = int.from_bytes(data[28:30], "little")
    masks = struct.unpack("<4I", data[54:70])[: 4 if header_size >= 56 else 3]
    if bits not in (16, 32) or not all(masks[:3]) or width <= 0 or height == 0:
        raise ImageRejectedError(f"this kind of BMP is not read ({bits} bits, masks {masks}): {SAVE}")
    row_length, rows = (width * bits + 31) // 32 * 4, abs(height)
    values = np.frombuffer(data, f"<u{bits // 8}", rows * row_length * 8 // bits, offset).reshape(rows, -1)
    if height > 0:
        values = values[::-1]

    def strip(first: int, count: int) -> Image.Image:
        part = values[first : first + count, :width].astype(np.uint64)
        channels = [(part & mask) * 255 // mask for mask in masks if mask]
        return Image.fromarray(np.dstack(channels).astype(np.uint8))

    return Opened(width, rows, 0, strip)


pi_heif.options.DECODE_THREADS = 1
pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False


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
        found = [data.find(b"\xff\x0a", data.find(name)) for name in (b"jxlc", b"jxlp")]
        start = min(at for at in found if at > 0)
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
