"""PNG, WebP and TIFF, which libvips reads, but for the kinds of TIFF that are left to Pillow."""

import io
import struct
import zlib
from contextlib import suppress
from dataclasses import replace
from math import ceil
from typing import Any

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from spark_job.errors import ImageRejectedError
from spark_job.images.formats.libvips import Strips, VipsError
from spark_job.images.formats.names import SAVE
from spark_job.images.formats.whole import open_by_pillow
from spark_job.images.picture import UNKNOWN_RANGE, Needed, Opened, check_memory, damage_of, shrinking

# Tags of TIFF 6.0, and values of some.
_SUBTYPE, _BITS, _PHOTOMETRIC, _STRIPS, _STRIP_ROWS, _STRIP_LENGTHS = 254, 258, 262, 273, 278, 279
_MOST, _TILE_ROWS, _SUBIMAGES, _MOST_OF_SAMPLE, _DNG = 281, 323, 330, 341, 50706
_COMPRESSION, _SAMPLE_FORMAT, _EXTRA_SAMPLES, _SUBSAMPLING = 259, 339, 338, 530
_CMYK, _YCBCR, _CIELAB = 5, 6, 8
_UNCOMPRESSED, _JPEGS = 1, (6, 7)  # of Compression
_SIGNED, _FLOATING_POINT = 2, 3
# CCITT, LZW, JPEG, deflate, PackBits, LZMA, Zstandard; of others a failure does not mean damage.
_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000)
_TIFF_OPTIONS = "fail_on=error,unlimited=true"  # else libtiff stops at 50 MB, which one strip may have


def open_png(data: bytes, _: Needed) -> Opened:
    """Read the header of a PNG; an interlaced one is held whole."""
    rows = Strips(data)
    return rows.opened(rows.height * rows.row_bytes if is_interlaced(data) else 0)


def is_interlaced(data: bytes) -> bool:
    """Say whether the rows of a PNG come in several passes."""
    return data[28] != 0


def open_damaged_png(data: bytes) -> Opened:
    """Describe the rows that are there of a PNG that libvips does not read to its end."""
    rows = Strips(data + bytes(65_536), options="fail_on=none")  # libpng reads ahead, and would lose rows
    depth, colour_type = data[24:26]
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    row_length = 1 + ceil(rows.width * samples * depth / 8)
    packed, at = bytearray(), 8
    while at + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        packed += data[at + 8 : at + 8 + size] if name == b"IDAT" else b""
        at += size + 12
    unpacker, length = zlib.decompressobj(-zlib.MAX_WBITS), 0  # without its own checksum, at its end
    with suppress(zlib.error):
        for first in range(2, len(packed), 1024):
            length += len(unpacker.decompress(packed[first : first + 1024]))
    there = min(rows.height, length // row_length)  # rows that can be unpacked before the first fault
    return rows.opened(0, **damage_of(there, rows.height, early=b"IEND" not in data[-64:]))


def open_webp(data: bytes, needed: Needed) -> Opened:
    """Read the header of a WebP, which libvips shrinks while it reads."""
    width, height = _size_of_webp(data)
    square = needed and (max(needed), max(needed))  # whether it is turned is not known yet
    factor = shrinking(width, height, 1, square)
    # What is packed without loss, colours or transparency, is unpacked whole.
    held = width * height * (4.5 if b"VP8L" in data or b"ALPH" in data else 0)
    held += 8 * width * height / factor**2
    check_memory("WebP", width, height, int(held))
    rows = Strips(data, options=f"fail_on=truncated,scale={1 / factor}")
    return replace(rows.opened(held), width=width, height=height, reduced=(rows.width, rows.height))


def _size_of_webp(data: bytes) -> tuple[int, int]:
    """Return width and height (RFC 9649); libvips would make room for all pixels to tell them."""
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        sides = int.from_bytes(data[21:25], "little")
        return 1 + (sides & 0x3FFF), 1 + (sides >> 14 & 0x3FFF)
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF


def open_tiff(data: bytes, needed: Needed) -> Opened:
    """Read the header of a TIFF."""
    tags = _first_directory(data)
    if _DNG in tags or (tags.get(_SUBTYPE, 0) & 1 and _SUBIMAGES in tags):
        raise ImageRejectedError(f"a camera's raw file (DNG, NEF, ARW or alike), which is not read: {SAVE}")
    samples = _values(tags, _SAMPLE_FORMAT)
    if _FLOATING_POINT in samples or (_SIGNED in samples and 8 in _values(tags, _BITS)):
        kind = "floating-point" if _FLOATING_POINT in samples else "signed"
        raise ImageRejectedError(f"{kind} {UNKNOWN_RANGE}: {SAVE}")
    # libvips gives brightness and two colours as they are, unless JPEG packed them.
    apart = tags.get(_PHOTOMETRIC) == _YCBCR and tags.get(_COMPRESSION, _UNCOMPRESSED) not in _JPEGS
    if apart and tags.get(_COMPRESSION, 1) == _UNCOMPRESSED and tags.get(_SUBSAMPLING, (2, 2)) != (1, 1):
        raise ImageRejectedError(
            f"this kind of TIFF is not read (YCbCr, neither compressed nor whole): {SAVE}"
        )
    if apart or tags.get(_PHOTOMETRIC) in (_CMYK, _CIELAB):
        return open_by_pillow(data, needed)
    extra = _values(tags, _EXTRA_SAMPLES)
    said = max(_values(tags, _MOST_OF_SAMPLE) or _values(tags, _MOST), default=0)
    most = int(said) if 0 < said <= 65_535 else 0
    rows = Strips(data, most=most, options=_TIFF_OPTIONS, extra=extra)
    # libvips reads strips of more rows line by line, and a row of tiles at once
    rows_at_once = tags.get(_TILE_ROWS, min(tags.get(_STRIP_ROWS, rows.height), 128))
    return rows.opened(2 * rows_at_once * rows.row_bytes + 2 * max(tags.get(_STRIP_LENGTHS, (0,))))


def _first_directory(data: bytes) -> dict[int, Any]:
    header = data[: 16 if data[2:3] == b"+" or data[3:4] == b"+" else 8]
    tags = ImageFileDirectory_v2(header)
    if tags.next >= len(data):
        raise ImageRejectedError("the file ends early: the directory of this TIFF is missing")
    file = io.BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    return dict(tags)


def _values(tags: dict[int, Any], tag: int) -> tuple[Any, ...]:
    values = tags.get(tag, ())
    return values if isinstance(values, tuple) else (values,)


def open_damaged_tiff(data: bytes) -> Opened:
    """Describe a TIFF by the rows that libvips reads of it; one of which it reads none is left to Pillow."""
    there = 0
    with suppress(VipsError):
        rows = Strips(data, options=_TIFF_OPTIONS)
        while there < rows.height:
            rows.read(there, 1)
            there += 1
    tags = _first_directory(data)
    compression = tags.get(_COMPRESSION, 1)
    known = not isinstance(compression, int) or compression < 1 or compression in _COMPRESSIONS
    if not there and not known:
        raise ImageRejectedError(f"this kind of TIFF is not read (compression {compression}): {SAVE}")
    if not there:
        return open_by_pillow(data, None)
    ends = map(sum, zip(tags.get(_STRIPS, ()), tags.get(_STRIP_LENGTHS, ()), strict=False))
    early = max(ends, default=0) > len(data)
    return replace(open_tiff(data, None), **damage_of(there, rows.height, early=early))
