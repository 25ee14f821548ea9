"""An image file of any format but the usual JPEG to upright RGB pixels, read in strips.

PNG, TIFF and WebP are read by libvips, which holds a few rows at a time; the others by libraries that hold
the picture once. A strip is made 8 bits deep, laid on white and averaged over areas before the next is taken:
nothing is held twice at full size. See docs/decisions/0016-formats.md.
"""

import io
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from math import ceil, prod
from typing import Any

import imagecodecs
import numpy as np
import pi_heif
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images.formats.libvips import VipsError, VipsRows
from spark_job.images.formats.names import SAVE, recognise
from spark_job.images.picture import OVERSAMPLING, Picture, check_memory, check_size, upright

Image.MAX_IMAGE_PIXELS = None  # ours are --max-pixels and the memory, checked on the header
Image.init()  # its readers, now: behind the border of the decoder's process there are few files
pi_heif.options.DECODE_THREADS = 1
pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False

LEAST_SHARE = 90  # percent of the rows, for a damaged file to be usable
MISSING = 128  # the grey of rows that are not there
STRIP_BYTES = 1024 * 1024
VIPS_ROWS = 700  # that libvips holds, as measured
_UNKNOWN_RANGE = "pixels have no brightness range that is known"
# What libraries say of a file that ends early, and of one that they cannot read at all.
_SIGNS_OF_AN_END = (
    "truncated",
    "end of file",
    "unexpected end",
    "not enough data",
    "more_input",
    "insufficient",
)
_SIGNS_OF_A_KIND = ("unsupported", "not supported", "unimplemented", "not implemented", "not been built in")
_OF_PYTHON = (ArithmeticError, AttributeError, LookupError, TypeError, struct.error)
Needed = tuple[int, int] | None


@dataclass(frozen=True)
class _Opened:
    """A picture whose header has been read.

    Attributes:
        width, height: as stored, in pixels.
        held: bytes that decoding holds, beside the rows that are being read.
        strip: (first row, rows) -> those rows, of `reduced`; it is asked for one strip after the other.
        orientation: as Exif has it, 1 to 8.
        reduced: (width, height) that the decoder gives, when it shrinks by itself.
        rows: that are there; None: all.
        damage: a sentence about a file that is damaged in part.
    """

    width: int
    height: int
    held: float
    strip: Callable[[int, int], Any]
    greyscale: bool = False
    orientation: int = 1
    reduced: tuple[int, int] | None = None
    rows: int | None = None
    damage: str | None = None


def decode_other(data: bytes, limits: ImageLimits, needed: Needed = None) -> Picture:
    """Return an image's first frame, upright, transparency on white.

    Args:
        needed: (height, width) of the network's input; None: decode at full size.

    Raises:
        ImageRejectedError: not an image, damaged, truncated, or larger than the limits.
    """
    kind = recognise(data)
    try:
        try:
            return _gather(kind, _OPENERS[kind](data, needed), limits, needed)
        except VipsError as error:
            return _gather(kind, _open_damaged(kind, data, error), limits, needed)
    except (ImageRejectedError, MemoryError):
        raise
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise ImageRejectedError(_in_words(kind, data, error)) from error


def _in_words(kind: str, data: bytes, error: Exception) -> str:
    """Return what is wrong, for a person: what libraries say of it is for programmers."""
    words = str(error).strip().partition("\n")[0]
    short = kind == "WebP" and len(data) < 8 + int.from_bytes(data[4:8], "little")
    if short or any(sign in words.lower() for sign in _SIGNS_OF_AN_END):
        return "the file is truncated: its end is missing"
    if isinstance(error, OSError) and words.startswith("Unsupported"):  # Pillow's, of a BMP
        return f"this kind of {kind} is not read ({words}): {SAVE}"
    if not isinstance(error, _OF_PYTHON) and any(sign in words.lower() for sign in _SIGNS_OF_A_KIND):
        return f"this kind of {kind} is not read: {SAVE}"
    return f"the file is damaged: this {kind} cannot be decoded"


def _shrinking(width: int, height: int, orientation: int, needed: Needed) -> int:
    """Return by how much both sides may be divided and still be enough for the network."""
    if needed is None:
        return 1
    least_height, least_width = needed if orientation < 5 else needed[::-1]
    return max(1, min(height // (OVERSAMPLING * least_height), width // (OVERSAMPLING * least_width)))


def _gather(kind: str, opened: _Opened, limits: ImageLimits, needed: Needed) -> Picture:
    """Read strip after strip into the picture; rows that are missing at its end stay grey."""
    check_size(opened.width, opened.height, limits)
    width, height = opened.reduced or (opened.width, opened.height)
    factor = _shrinking(width, height, opened.orientation, needed)
    shape = (ceil(height / factor), ceil(width / factor), 3)
    copies = 2 if opened.orientation > 1 else 1  # a turned picture is held beside the one as stored
    check_memory(kind, opened.width, opened.height, int(opened.held) + copies * prod(shape))
    pixels = np.full(shape, MISSING, np.uint8)
    rows = height if opened.rows is None else opened.rows
    step = max(1, STRIP_BYTES // (4 * width * factor)) * factor
    for first in range(0, rows, step):
        strip = _on_white(opened.strip(first, min(step, rows - first)))
        if factor > 1:
            strip = Image.Image.reduce(strip, factor)
        found = np.asarray(strip)
        pixels[first // factor :][: len(found)] = found if found.ndim == 3 else found[:, :, None]
    size = (opened.width, opened.height) if opened.orientation < 5 else (opened.height, opened.width)
    return Picture(upright(pixels, opened.orientation), opened.greyscale, *size, opened.damage)


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


# --- the depth of values of 16 and 32 bits ---------------------------------------------------------------


def _bits_used(lowest: int, most: int) -> int:
    """Return how many bits the values of a file use, by its largest: 1, 8, 10, 12, 14 or 16.

    Cameras and microscopes write 10, 12 or 14 bits into files of 16, and masks of 0 and 1, mostly without a
    word about it: the largest value decides, unless a TIFF names it (MaxSampleValue). A picture of which no
    pixel is brighter than half of a depth is so taken for one of the depth below.
    """
    if lowest < 0 or most > 65_535:
        raise ImageRejectedError(f"signed or 32-bit {_UNKNOWN_RANGE}: {SAVE}")
    return next((bits for bits in (1, 8, 10, 12, 14) if most < 1 << bits), 16)


def _eight_bits(values: np.ndarray, bits: int) -> np.ndarray:
    scaled = values * 255 if bits == 1 else np.minimum(values >> max(0, bits - 8), 255)
    return scaled.astype(np.uint8)


# --- libvips: PNG, TIFF, WebP ----------------------------------------------------------------------------

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class _Rows(VipsRows):
    """Rows as strips of 8 bits.

    Attributes:
        most: the largest value, when the file says it.
        extra: what each band beyond the colours is, as a TIFF says it; empty: the last may be transparency.
    """

    def __init__(
        self, data: bytes, most: int = 0, options: str = "fail_on=truncated", extra: tuple[int, ...] = ()
    ) -> None:
        super().__init__(data, options)
        if self.type is None:
            raise ImageRejectedError(f"floating-point {_UNKNOWN_RANGE}: {SAVE}")
        self.row_bytes = self.width * self.bands * np.dtype(self.type).itemsize
        self.colours = 3 if self.bands - (len(extra) or self.alpha) >= 3 else 1
        self._alpha = self.bands - 1
        if extra:
            found = [self.colours + place for place, meaning in enumerate(extra) if meaning in _TRANSPARENCY]
            self.alpha, self._alpha = bool(found), found[0] if found else 0
        self._data, self._options, self._extra = data, options, extra
        self._most = most
        self._bits: tuple[int, int] | None = None

    def strip(self, first: int, rows: int) -> Any:
        values = self.read(first, rows)
        channels = [values[:, :, : self.colours]]
        if self.alpha:
            channels.append(values[:, :, self._alpha : self._alpha + 1])
        if self.type != np.uint8:
            self._bits = self._bits or _Rows(self._data, self._most, self._options, self._extra).bits_used()
            channels = [_eight_bits(each, bits) for each, bits in zip(channels, self._bits, strict=False)]
        joined = np.concatenate(channels, axis=2) if self.alpha else np.ascontiguousarray(channels[0])
        return Image.fromarray(joined[:, :, 0] if joined.shape[2] == 1 else joined, _MODES[joined.shape[2]])

    def bits_used(self) -> tuple[int, int]:
        """Return the bits that the colours use, and those of the transparency; reads the rows for it."""
        lowest, most_found, most_alpha = 0, 0, 0
        step = max(1, STRIP_BYTES // (8 * self.width))
        with suppress(VipsError):  # the rows of a damaged file that are there decide
            for first in range(0, self.height, step):
                found = self.read(first, min(step, self.height - first))
                lowest = min(lowest, int(found.min()))
                most_found = max(most_found, int(found[:, :, : self.colours].max()))
                most_alpha = max(most_alpha, int(found[:, :, self._alpha].max()))
        return _bits_used(lowest, max(self._most, most_found)), _bits_used(0, most_alpha or 65_535)

    def opened(self, held: float, **more: Any) -> _Opened:
        held += min(self.height, VIPS_ROWS) * self.row_bytes
        return _Opened(self.width, self.height, held, self.strip, self.colours == 1, self.orientation, **more)


def _open_png(data: bytes, _: Needed) -> _Opened:
    rows = _Rows(data)
    return rows.opened(rows.height * rows.row_bytes if _interlaced(data) else 0)


def _interlaced(data: bytes) -> bool:
    return data[28] != 0


def _open_webp(data: bytes, needed: Needed) -> _Opened:
    width, height = _size_of_webp(data)
    square = needed and (max(needed), max(needed))  # whether it is turned is not known yet
    factor = _shrinking(width, height, 1, square)
    # What is packed without loss, colours or transparency, is unpacked whole.
    held = width * height * (4.5 if b"VP8L" in data or b"ALPH" in data else 0)
    held += 8 * width * height / factor**2
    check_memory("WebP", width, height, int(held))
    rows = _Rows(data, options=f"fail_on=truncated,scale={1 / factor}")
    return replace(rows.opened(held), width=width, height=height, reduced=(rows.width, rows.height))


def _size_of_webp(data: bytes) -> tuple[int, int]:
    """Return width and height (RFC 9649); libvips would make room for all pixels to tell them."""
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        sides = int.from_bytes(data[21:25], "little")
        return 1 + (sides & 0x3FFF), 1 + (sides >> 14 & 0x3FFF)
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF


# TIFF's tags
_SUBTYPE, _BITS, _PHOTOMETRIC, _STRIPS, _STRIP_ROWS, _STRIP_LENGTHS = 254, 258, 262, 273, 278, 279
_MOST, _TILE_ROWS, _SUBIMAGES, _MOST_OF_SAMPLE, _DNG = 281, 323, 330, 341, 50706
_COMPRESSION, _SAMPLE_FORMAT, _EXTRA_SAMPLES, _SUBSAMPLING = 259, 339, 338, 530
_CMYK, _YCBCR, _CIELAB = 5, 6, 8
_TRANSPARENCY = (1, 2)  # of ExtraSamples: associated and not; 0 may be anything, as a mask
_UNCOMPRESSED, _JPEGS = 1, (6, 7)  # of Compression
_SIGNED, _FLOATING_POINT = 2, 3
# CCITT, LZW, JPEG, deflate, PackBits, LZMA, Zstandard; of others a failure does not mean damage.
_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000)
_TIFF_OPTIONS = "fail_on=error,unlimited=true"  # else libtiff stops at 50 MB, which one strip may have


def _open_tiff(data: bytes, needed: Needed) -> _Opened:
    tags = _first_directory(data)
    if _DNG in tags or (tags.get(_SUBTYPE, 0) & 1 and _SUBIMAGES in tags):
        raise ImageRejectedError(f"a camera's raw file (DNG, NEF, ARW or alike), which is not read: {SAVE}")
    samples = _values(tags, _SAMPLE_FORMAT)
    if _FLOATING_POINT in samples or (_SIGNED in samples and 8 in _values(tags, _BITS)):
        kind = "floating-point" if _FLOATING_POINT in samples else "signed"
        raise ImageRejectedError(f"{kind} {_UNKNOWN_RANGE}: {SAVE}")
    # libvips gives brightness and two colours as they are, unless JPEG packed them.
    apart = tags.get(_PHOTOMETRIC) == _YCBCR and tags.get(_COMPRESSION, _UNCOMPRESSED) not in _JPEGS
    if apart and tags.get(_COMPRESSION, 1) == _UNCOMPRESSED and tags.get(_SUBSAMPLING, (2, 2)) != (1, 1):
        raise ImageRejectedError(
            f"this kind of TIFF is not read (YCbCr, neither compressed nor whole): {SAVE}"
        )
    if apart or tags.get(_PHOTOMETRIC) in (_CMYK, _CIELAB):
        return _open_by_pillow(data, needed)
    extra = _values(tags, _EXTRA_SAMPLES)
    rows = _Rows(data, most=_largest_by_tags(tags), options=_TIFF_OPTIONS, extra=extra)
    # libvips reads strips of more rows line by line, and a row of tiles at once
    rows_at_once = tags.get(_TILE_ROWS, min(tags.get(_STRIP_ROWS, rows.height), 128))
    return rows.opened(2 * rows_at_once * rows.row_bytes + 2 * max(tags.get(_STRIP_LENGTHS, (0,))))


def _first_directory(data: bytes) -> dict[int, Any]:
    header = data[: 16 if data[2:3] == b"+" or data[3:4] == b"+" else 8]
    tags = ImageFileDirectory_v2(header)
    if tags.next >= len(data):
        raise ImageRejectedError(
            "the file is truncated: its end, with the directory of this TIFF, is missing"
        )
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


def _damaged(kind: str, rows: int, height: int, *, early: bool) -> dict[str, Any]:
    """Return the fields of _Opened that say what is there of a damaged file.

    Raises:
        ImageRejectedError: less than LEAST_SHARE of its rows.
    """
    share = 100 * rows // height
    there = "all of its rows are there" if rows == height else f"{share} % of its rows are there"
    sentence = f"the {kind} ends early: {there}" if early else f"the {kind} is damaged: {there}"
    if share < LEAST_SHARE:
        raise ImageRejectedError(sentence)
    return {"rows": rows, "damage": sentence}


def _open_damaged(kind: str, data: bytes, error: Exception) -> _Opened:
    """Describe the rows that are there of a PNG or TIFF that libvips does not read to its end."""
    if kind == "PNG" and not _interlaced(data):
        rows = _Rows(
            data + bytes(65_536), options="fail_on=none"
        )  # libpng reads ahead, and would lose what it has
        there = _rows_of_png(data, rows)
        early = b"IEND" not in data[-64:]
        return rows.opened(0, **_damaged(kind, there, rows.height, early=early))
    if kind == "TIFF":
        return _open_damaged_tiff(data)
    raise error


def _open_damaged_tiff(data: bytes) -> _Opened:
    """Describe a TIFF by the rows that libvips reads of it; one of which it reads none is left to Pillow."""
    there = 0
    with suppress(VipsError):
        rows = _Rows(data, options=_TIFF_OPTIONS)
        while there < rows.height:
            rows.read(there, 1)
            there += 1
    tags = _first_directory(data)
    compression = tags.get(_COMPRESSION, 1)
    known = not isinstance(compression, int) or compression < 1 or compression in _COMPRESSIONS
    if not there and not known:
        raise ImageRejectedError(f"this kind of TIFF is not read (compression {compression}): {SAVE}")
    if not there:
        return _open_by_pillow(data, None)
    ends = map(sum, zip(tags.get(_STRIPS, ()), tags.get(_STRIP_LENGTHS, ()), strict=False))
    early = max(ends, default=0) > len(data)
    return replace(_open_tiff(data, None), **_damaged("TIFF", there, rows.height, early=early))


def _rows_of_png(data: bytes, rows: _Rows) -> int:
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


# --- Pillow, libheif, libjxl -----------------------------------------------------------------------------

# What decoding holds, in bytes a pixel, measured with the largest picture that is allowed.
_HELD = {"JPEG": 4.5, "GIF": 1.5, "BMP": 4.5, "TIFF": 4.5, "AVIF": 5.5, "JPEG 2000": 20, "JPEG XL": 8}
_PILLOWS = {"JPEG 2000": ("JPEG2000",)}  # its names, where they differ from ours
_ORIENTATION = 0x0112


def _open_by_pillow(data: bytes, needed: Needed) -> _Opened:
    kind = recognise(data)
    image: Any = Image.open(io.BytesIO(data), formats=_PILLOWS.get(kind, (kind,)))
    opened = _opened_image(kind, image)
    return _reduced(opened, image, data, needed) if kind == "JPEG 2000" else opened


def _opened_image(kind: str, image: Any) -> _Opened:
    """Describe an image that Pillow has opened and not yet decoded."""
    if image.mode == "F":
        raise ImageRejectedError(f"floating-point {_UNKNOWN_RANGE}: {SAVE}")
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
        bits.extend([] if bits else [_bits_used(*map(int, image.getextrema()))])
        return Image.fromarray(_eight_bits(np.asarray(part), *bits))

    one_byte = image.mode in ("1", "L", "P")
    return _Opened(
        width,
        height,
        (1.5 if one_byte else _HELD[kind]) * width * height,
        strip,
        image.mode in ("1", "L", "LA") or image.mode.startswith("I"),
        orientation if orientation in range(1, 9) else 1,
    )


def _reduced(opened: _Opened, image: Any, data: bytes, needed: Needed) -> _Opened:
    """Let a JPEG 2000 be decoded at the resolution, of those it has, that is still enough."""
    style = data.find(b"\xff\x52")  # COD: of its fields the sixth byte is the number of resolutions
    most = data[style + 9] if 0 < style < len(data) - 9 else 0
    halvings = min(most, _shrinking(opened.width, opened.height, opened.orientation, needed).bit_length() - 1)
    image.reduce = halvings
    reduced = ceil(opened.width / 2**halvings), ceil(opened.height / 2**halvings)
    return replace(opened, reduced=reduced, held=_HELD["JPEG 2000"] * prod(reduced))


def _open_gif(data: bytes, needed: Needed) -> _Opened:
    return replace(_open_by_pillow(data, needed), orientation=1)


def _open_bmp(data: bytes, needed: Needed) -> _Opened:
    try:
        return _open_by_pillow(data, needed)
    except OSError as error:
        if "bitfields" not in str(error):
            raise
    return _open_bitfields(data)


def _open_bitfields(data: bytes) -> _Opened:
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

    return _Opened(width, rows, 0, strip)


def _open_heic(data: bytes, _: Needed) -> _Opened:
    """Describe a HEIC; libheif turns it upright by itself, so its Exif block says nothing more."""
    file = pi_heif.open_heif(data)
    width, height = file.size

    def strip(first: int, rows: int) -> Image.Image:
        content: Any = memoryview(file.data)[first * file.stride : (first + rows) * file.stride]
        image = Image.frombuffer(file.mode, (width, rows), content, "raw", file.mode, file.stride, 1)
        return Image.fromarray(_eight_bits(np.asarray(image), 16)) if file.mode == "I;16" else image

    held = (7 if file.has_alpha else 5) * (1 if file.info["bit_depth"] == 8 else 2)
    return _Opened(width, height, held * width * height, strip, file.mode in ("L", "I;16"))


def _open_avif(data: bytes, _: Needed) -> _Opened:
    image: Any = Image.open(io.BytesIO(data), formats=("AVIF",))
    opened = _opened_image("AVIF", image)
    if getattr(image, "n_frames", 1) > 1:  # imagecodecs crashes when it has read one frame of several
        return replace(opened, held=2 * opened.held)
    flags = data[data.find(b"av1C") + 6]  # AV1's configuration: bit 6 high depth, bit 5 twelve bits
    bits = 8 + 2 * (flags >> 6 & 1) + 2 * (flags >> 5 & 1)
    held = opened.held * (1 if bits == 8 else 2) * (1.7 if image.mode == "RGBA" else 1)
    return replace(opened, held=held, strip=_decoded_at_once(data, imagecodecs.avif_decode, bits))


def _open_jxl(data: bytes, _: Needed) -> _Opened:
    """Describe a JPEG XL; libjxl turns it upright by itself, and fills all 16 bits."""
    width, height = _size_of_jxl(data)
    strip = _decoded_at_once(data, imagecodecs.jpegxl_decode, 16)
    return _Opened(width, height, _HELD["JPEG XL"] * width * height, strip)


def _decoded_at_once(data: bytes, decode: Callable[..., np.ndarray], bits: int) -> Callable[[int, int], Any]:
    """Return what gives strips of a picture, which is decoded as one array when the first is asked for."""
    found: list[np.ndarray] = []

    def strip(first: int, rows: int) -> Any:
        if not found:
            found.append(decode(data, index=0, numthreads=1))
        part = found[0][first : first + rows]
        if part.dtype.kind != "u":
            raise ImageRejectedError(f"floating-point {_UNKNOWN_RANGE}: {SAVE}")
        return Image.fromarray(part if part.dtype == np.uint8 else _eight_bits(part, bits))

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


_OPENERS: dict[str, Callable[[bytes, Needed], _Opened]] = {
    "JPEG": _open_by_pillow,
    "PNG": _open_png,
    "GIF": _open_gif,
    "WebP": _open_webp,
    "TIFF": _open_tiff,
    "BMP": _open_bmp,
    "HEIC": _open_heic,
    "AVIF": _open_avif,
    "JPEG 2000": _open_by_pillow,
    "JPEG XL": _open_jxl,
}
