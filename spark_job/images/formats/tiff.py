"""TIFF, which libvips reads, but for the kinds that are left to Pillow."""

import io
from contextlib import suppress
from dataclasses import replace
from typing import Any

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from spark_job.errors import ImageRejectedError
from spark_job.images.formats.libvips import Strips, VipsError
from spark_job.images.formats.names import SAVE
from spark_job.images.formats.opened import UNKNOWN_RANGE, Opened, damage_of
from spark_job.images.formats.pillow import open_by_pillow
from spark_job.images.picture import Needed

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
    rows = Strips(data, most=_largest_by_tags(tags), options=_TIFF_OPTIONS, extra=extra)
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


def _largest_by_tags(tags: dict[int, Any]) -> int:
    values = tags.get(_MOST_OF_SAMPLE, tags.get(_MOST, 0))
    most = max(values) if isinstance(values, tuple) else values
    return int(most) if 0 < most <= 65_535 else 0


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
