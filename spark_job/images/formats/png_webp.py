"""PNG and WebP, which libvips reads."""

import struct
import zlib
from contextlib import suppress
from dataclasses import replace
from math import ceil

from spark_job.images.formats.libvips import Strips
from spark_job.images.formats.opened import Opened, damage_of
from spark_job.images.picture import Needed, check_memory, shrinking


def open_png(data: bytes, _: Needed) -> Opened:
    """Read the header of a PNG; an interlaced one is held whole."""
    rows = Strips(data)
    return rows.opened(rows.height * rows.row_bytes if is_interlaced(data) else 0)


def is_interlaced(data: bytes) -> bool:
    """Say whether the rows of a PNG come in several passes."""
    return data[28] != 0


def open_damaged_png(data: bytes) -> Opened:
    """Describe the rows that are there of a PNG that libvips does not read to its end."""
    # libpng reads ahead, and would lose what it has
    rows = Strips(data + bytes(65_536), options="fail_on=none")
    early = b"IEND" not in data[-64:]
    return rows.opened(0, **damage_of(_rows_of_png(data, rows), rows.height, early=early))


def _rows_of_png(data: bytes, rows: Strips) -> int:
    """Return how many rows of pixels can be unpacked before the first fault."""
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
    return min(rows.height, length // row_length)


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
