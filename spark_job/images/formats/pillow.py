"""What Pillow reads: GIF, BMP, JPEG 2000, and kinds of JPEG and TIFF that others do not read."""

import io
import struct
from contextlib import suppress
from dataclasses import replace
from math import ceil, prod
from typing import Any

import numpy as np
from PIL import Image

from spark_job.errors import ImageRejectedError
from spark_job.images.formats.names import SAVE, recognise
from spark_job.images.picture import UNKNOWN_RANGE, Needed, Opened, bits_used, eight_bits, shrinking

Image.MAX_IMAGE_PIXELS = None  # ours are --max-pixels and the memory, checked on the header
Image.init()  # its readers, now: behind the border of the decoder's process there are few files

# What decoding holds, in bytes a pixel, measured with the largest picture that is allowed.
_HELD = {"JPEG": 4.5, "GIF": 1.5, "BMP": 4.5, "TIFF": 4.5, "AVIF": 5.5, "JPEG 2000": 20}
_PILLOWS = {"JPEG 2000": ("JPEG2000",)}  # its names, where they differ from ours
_ORIENTATION = 0x0112


def open_by_pillow(data: bytes, needed: Needed) -> Opened:
    """Read the header of any of these."""
    kind = recognise(data)
    image: Any = Image.open(io.BytesIO(data), formats=_PILLOWS.get(kind, (kind,)))
    opened = describe(kind, image)
    return _reduced(opened, image, data, needed) if kind == "JPEG 2000" else opened


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


def _reduced(opened: Opened, image: Any, data: bytes, needed: Needed) -> Opened:
    """Let a JPEG 2000 be decoded at the resolution, of those it has, that is still enough."""
    style = data.find(b"\xff\x52")  # COD: of its fields the sixth byte is the number of resolutions
    most = data[style + 9] if 0 < style < len(data) - 9 else 0
    halvings = min(most, shrinking(opened.width, opened.height, opened.orientation, needed).bit_length() - 1)
    image.reduce = halvings
    reduced = ceil(opened.width / 2**halvings), ceil(opened.height / 2**halvings)
    return replace(opened, reduced=reduced, held=_HELD["JPEG 2000"] * prod(reduced))


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
