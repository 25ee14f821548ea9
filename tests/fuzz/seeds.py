"""Small whole files of every format, in the variants that Pillow and a few lines of our own write."""

import os
import re
import struct
import sys
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import simplejpeg
from PIL import Image, ImageCms, PngImagePlugin

from tests.spark.photographs import (
    animation,
    encoded,
    heic_files,
    hopeless_files,
    jpeg_of_size,
    pixels,
    png_chunk,
    png_header_only,
)

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "F")
SIZES = ((16, 16), (17, 31), (64, 40))  # (height, width)
LARGEST_OF_PACKAGES = 64 * 1024  # bytes
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# How a file of each format begins.
SIGNATURES = {
    "jpeg": rb"\xff\xd8\xff",
    "progressive": rb"\xff\xd8\xff",
    "mpo": rb"\xff\xd8\xff",
    "png": rb"\x89PNG\r\n\x1a\n",
    "gif": rb"GIF8[79]a",
    "webp": rb"RIFF....WEBP",
    "tiff": rb"II\*\0|MM\0\*|II\+\0|MM\0\+",
    "bmp": rb"BM",
    "heic": rb"\0\0\0[\x18-\x40]ftyphei[cx]",
    "avif": rb"\0\0\0[\x18-\x40]ftypavi[fs]",
    "jpeg2000": rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    "jpegxl": rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n",
}


def photograph(seed: int, size: tuple[int, int] = (40, 56), mode: str = "RGB") -> Any:
    """The same picture for the same numbers, as Pillow has it in that mode."""
    image = Image.fromarray(pixels(seed, *size))
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    if mode == "LAB":
        return ImageCms.profileToProfile(image, PROFILE_OF["sRGB"], PROFILE_OF["LAB"], outputMode="LAB")
    return image.convert("RGBA").convert(mode) if mode == "LA" else image.convert(mode)


PROFILE_OF = {name: ImageCms.createProfile(name) for name in ("sRGB", "LAB")}


def exif(orientation: int) -> Image.Exif:
    """Orientation, camera and a block of GPS."""
    made = Image.Exif()
    made[0x0112], made[0x010F] = orientation, "Camera"
    made.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.5)})
    return made


def jpegs(**options: Any) -> Iterator[bytes]:
    """Baseline ones, or as the options say."""
    for size in (*SIZES, (200, 170)):
        for mode in ("L", "RGB", "CMYK"):
            yield encoded(photograph(1, size, mode), quality=80, **options)
    for subsampling in (0, 1, 2):
        yield encoded(photograph(2), subsampling=subsampling, **options)
    metadata: tuple[dict[str, Any], ...] = (
        {"restart_marker_rows": 1},
        {"restart_marker_blocks": 2},
        {"icc_profile": PROFILE},
        {"comment": "seen"},
        {"optimize": True, "dpi": (300, 300)},
        {"keep_rgb": True},
        {"exif": exif(6), "quality": 95},
        {"exif": exif(3), "icc_profile": PROFILE, "xmp": b"<x:xmpmeta/>"},
    )
    for more in metadata:
        yield encoded(photograph(3), **more, **options)


def other_jpegs() -> Iterator[bytes]:
    """Samplings that Pillow does not write."""
    for sampling in ("440", "411", "Gray"):
        yield simplejpeg.encode_jpeg(pixels(4, 33, 47), colorspace="RGB", colorsubsampling=sampling)


def mpos() -> Iterator[bytes]:
    """A photograph with smaller ones behind it, as cameras write them."""
    metadata: tuple[dict[str, Any], ...] = ({}, {"exif": exif(6)}, {"icc_profile": PROFILE})
    for mode in ("L", "RGB"):
        for more in metadata:
            smaller = [photograph(4, size, mode) for size in SIZES]
            yield encoded(photograph(4, (48, 64), mode), "MPO", save_all=True, append_images=smaller, **more)
    yield animation("MPO")


def png(image: np.ndarray, colour: int, depth: int, interlaced: bool, *chunks: bytes) -> bytes:
    """Every filter in turn, the rows in two blocks of data.

    Args:
        image: (height, width, samples) uint8; `depth` of 16 repeats each sample, less keeps its high bits.
        chunks: between header and data.
    """
    samples = image.repeat(2, axis=2) if depth == 16 else image
    rows = b""
    for top, left, down, right in ADAM7 if interlaced else ((0, 0, 1, 1),):
        for number, row in enumerate(samples[top::down, left::right]):
            values = row.reshape(-1)
            if depth < 8:
                bits = np.unpackbits(values[:, None], axis=1)[:, :depth]
                values = np.packbits(bits.reshape(-1))
            rows += bytes([number % 5]) + values.tobytes() if values.size else b""
    height, width = image.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    packed = zlib.compress(rows)
    half = len(packed) // 2
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            *chunks,
            png_chunk(b"IDAT", packed[:half]),
            png_chunk(b"IDAT", packed[half:]),
            png_chunk(b"IEND", b""),
        )
    )


# Of interlaced PNGs: (first row, first column, rows apart, columns apart) of each pass.
ADAM7 = (
    (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1),
)  # fmt: skip


def pngs() -> Iterator[bytes]:
    """Every colour type at every depth, interlaced or not; then the chunks that tools add."""
    palette = png_chunk(b"PLTE", np.random.default_rng(5).bytes(768))
    for colour, samples, depths in (
        (0, 1, (1, 2, 4, 8, 16)),
        (2, 3, (8, 16)),
        (4, 2, (8, 16)),
        (6, 4, (8, 16)),
    ):
        for depth in depths:
            for interlaced in (False, True):
                image = np.dstack([pixels(6, 21, 35), pixels(7, 21, 35)])[:, :, :samples]
                yield png(image, colour, depth, interlaced)
    for depth in (1, 2, 4, 8):
        entries = png_chunk(b"PLTE", np.random.default_rng(5).bytes(3 << depth))
        yield png(pixels(8, 19, 23)[:, :, :1], 3, depth, depth == 4, entries, png_chunk(b"tRNS", b"\0\x80"))
    yield png(pixels(8), 2, 8, False, png_chunk(b"tRNS", bytes(6)), palette)
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "fruit")
    text.add_itxt("Titre", "blé", "fr", "titre", zip=True)
    text.add_text("Comment", "a " * 40, zip=True)
    yield encoded(photograph(9), "PNG", pnginfo=text, exif=exif(8), icc_profile=PROFILE, dpi=(72, 72))
    yield png(
        pixels(9),
        2,
        8,
        True,
        png_chunk(b"gAMA", struct.pack(">I", 45_455)),
        png_chunk(b"cHRM", bytes(32)),
        png_chunk(b"sBIT", b"\5\6\5"),
        png_chunk(b"tIME", b"\x07\xe0\1\1\1\1\1"),
        png_chunk(b"cICP", b"\1\x0d\0\1"),
    )
    yield encoded(photograph(9, (120, 90)), "PNG")
    yield animation("PNG")


def gifs() -> Iterator[bytes]:
    """Grey, colours, transparency, local palettes, animations, interlaced or not."""
    for size in SIZES:
        for interlace in (0, 1):
            yield encoded(photograph(10, size), "GIF", interlace=interlace, comment=b"seen")
    yield encoded(photograph(11, mode="L"), "GIF")
    yield encoded(photograph(11, mode="1"), "GIF")
    yield encoded(photograph(11).quantize(4), "GIF", transparency=0)
    frames = [photograph(seed, (24, 24)) for seed in range(3)]
    for disposal in (0, 2, 3):
        yield encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], disposal=disposal, loop=0)
    yield animation("GIF")


def webps() -> Iterator[bytes]:
    """Lossy, lossless, transparent, animated, with all metadata."""
    for size in SIZES:
        for mode in ("RGB", "RGBA"):
            for lossless in (False, True):
                yield encoded(photograph(12, size, mode), "WEBP", lossless=lossless, quality=70)
    yield encoded(photograph(13), "WEBP", exif=exif(6), icc_profile=PROFILE, xmp=b"<x:xmpmeta/>")
    yield encoded(photograph(13).quantize(4), "WEBP", lossless=True)
    frames = [photograph(seed, (24, 24), "RGBA") for seed in range(3)]
    yield encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], minimize_size=True)
    yield animation("WEBP")


def tiff(
    image: np.ndarray, order: str, *, compression: int = 1, tile: int = 0, planar: bool = False, bits: int = 0
) -> bytes:
    """One picture in strips of 8 rows or in tiles, with a field of each type that matters.

    Args:
        image: (height, width, samples) of uint8, uint16, uint32, float32 …
        order: "<" or ">".
        bits: what the file says of each sample; 0: the truth.
    """
    height, width, samples = image.shape
    stored = image.astype(image.dtype.newbyteorder("<" if order == "<" else ">"))
    planes = np.split(stored, samples, axis=2) if planar else [stored]
    parts = []
    down, across = (tile, tile) if tile else (8, width)
    for plane in planes:
        for top in range(0, height, down):
            for left in range(0, width, across):
                part = plane[top : top + down, left : left + across]
                if tile:
                    missing = (tile - part.shape[0], tile - part.shape[1])
                    part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)))
                content = part.tobytes()
                parts.append(zlib.compress(content) if compression == 8 else content)
    data, offsets, at = b"".join(parts), [], 8
    for packed_part in parts:
        offsets.append(at)
        at += len(packed_part)
    kind = {"u": 1, "i": 2, "f": 3}[image.dtype.kind]
    short, long = "H", "I"
    fields = {
        256: (short, [width]), 257: (short, [height]), 258: (short, [bits or image.itemsize * 8] * samples),
        259: (short, [compression]), 262: (short, [2 if samples > 2 else 1]), 274: (short, [1]),
        277: (short, [samples]), 284: (short, [2 if planar else 1]), 339: (short, [kind] * samples),
    }  # fmt: skip
    if samples in (2, 4):
        fields[338] = (short, [2])
    sizes = [len(part) for part in parts]
    if tile:
        fields |= {322: (short, [tile]), 323: (short, [tile]), 324: (long, offsets), 325: (long, sizes)}
    else:
        fields |= {273: (long, offsets), 278: (short, [8]), 279: (long, sizes)}
    directory, beyond = struct.pack(order + "H", len(fields)), b""  # beyond: what has over 4 bytes
    start = at + 2 + 12 * len(fields) + 4
    for tag, (form, values) in sorted(fields.items()):
        packed = struct.pack(f"{order}{len(values)}{form}", *values)
        if len(packed) > 4:
            packed, beyond = struct.pack(order + "I", start + len(beyond)), beyond + packed
        directory += struct.pack(order + "HHI", tag, 3 if form == short else 4, len(values)) + packed.ljust(
            4, b"\0"
        )
    signature = b"II*\0" if order == "<" else b"MM\0*"
    return signature + struct.pack(order + "I", at) + data + directory + bytes(4) + beyond


def tiffs() -> Iterator[bytes]:
    """Every mode and compression that Pillow writes; then tiles, planes, both byte orders, odd depths."""
    for mode in (*MODES, "I;16"):
        yield encoded(photograph(14, (20, 28), mode), "TIFF")
    for compression in ("packbits", "tiff_lzw", "jpeg", "tiff_adobe_deflate", "tiff_deflate", "lzma", "zstd"):
        for mode in ("L", "RGB"):
            yield encoded(photograph(15, (30, 20), mode), "TIFF", compression=compression)
    for compression in ("tiff_ccitt", "group3", "group4", "tiff_lzw"):
        yield encoded(photograph(15, (30, 20), "1"), "TIFF", compression=compression)
    for more in (
        {"big_tiff": True},
        {"compression": "tiff_lzw", "strip_size": 200},
        {"compression": "tiff_lzw", "tiffinfo": {317: 2}},
        {"tiffinfo": {274: 6, 270: "a description"}, "icc_profile": PROFILE, "dpi": (300, 300)},
    ):
        yield encoded(photograph(16), "TIFF", **more)
    image = pixels(17, 21, 35)
    four = np.dstack([image, image[:, :, :1]])
    for order in "<>":
        for tile in (0, 16):
            yield tiff(image, order, tile=tile, planar=bool(tile))
            yield tiff(four, order, tile=tile, compression=8)
            yield tiff(image[:, :, :1].astype(np.uint16) * 257, order, tile=tile)
        yield tiff(image.astype(np.uint16) * 257, order, planar=True)
        yield tiff(image[:, :, :1].astype(np.uint16) * 16, order, bits=16)
        yield tiff(image[:, :, :1].astype(np.int32), order)
        yield tiff(image.astype(np.float32), order, compression=8)
    yield animation("TIFF")


def avifs() -> Iterator[bytes]:
    """Samplings, transparency, grey, turned, animated."""
    for size in SIZES:
        for mode in ("L", "RGB", "RGBA"):
            yield encoded(photograph(22, size, mode), "AVIF", speed=10, quality=60)
    for subsampling in ("4:4:4", "4:2:2", "4:0:0"):
        yield encoded(photograph(23), "AVIF", speed=10, subsampling=subsampling)
    for turn in (3, 5, 6):
        yield encoded(photograph(23), "AVIF", speed=10, exif=exif(turn))
    yield encoded(photograph(23), "AVIF", speed=10, icc_profile=PROFILE, xmp=b"<x:xmpmeta/>", quality=100)
    frames = [photograph(seed, (24, 24)) for seed in range(3)]
    yield encoded(frames[0], "AVIF", speed=10, save_all=True, append_images=frames[1:])


def jpegs_2000() -> Iterator[bytes]:
    """Files and bare codestreams; lossless or not, tiles, layers, every order of packets."""
    for size in SIZES:
        for mode in ("L", "LA", "RGB", "RGBA", "I;16"):
            yield encoded(photograph(24, size, mode), "JPEG2000")
    for order in ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL"):
        yield encoded(photograph(25), "JPEG2000", progression=order, no_jp2=True)
    for more in (
        {"irreversible": True, "quality_mode": "rates", "quality_layers": [20, 10, 5]},
        {"tile_size": (16, 16), "num_resolutions": 3},
        {"codeblock_size": (8, 8), "precinct_size": (16, 16), "num_resolutions": 2},
        {"mct": 0, "comment": "seen", "plt": True},
    ):
        yield encoded(photograph(26), "JPEG2000", **more)
        yield encoded(photograph(26), "JPEG2000", no_jp2=True, **more)


def jpegs_xl() -> Iterator[bytes]:
    """Bare and in boxes, lossy or not, grey, transparent, of 16 bits, animated."""
    colours = pixels(27, 40, 56)
    grey, sixteen = colours[:, :, 0], colours.astype(np.uint16) * 257
    transparent = np.dstack([colours, grey])
    for image in (colours, grey, transparent, sixteen, pixels(28, 17, 31)):
        for options in ({"lossless": True}, {"distance": 2.0}, {"usecontainer": True}):
            yield bytes(imagecodecs.jpegxl_encode(image, effort=3, **options))


def bmp(body: bytes, width: int, height: int, bits: int, compression: int = 0, between: bytes = b"") -> bytes:
    """A file of Windows 3; `between`: masks and palette, which stand between header and body."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(body), 0, 0, 0, 0)
    start = 14 + len(header) + len(between)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + between + body


def bmps() -> Iterator[bytes]:
    """Every mode that Pillow writes; then packed runs, bit fields, upside down, OS/2."""
    for size in SIZES:
        for mode in ("1", "L", "P", "RGB", "RGBA"):
            yield encoded(photograph(18, size, mode), "BMP")
    palette = np.random.default_rng(19).bytes(1024)
    yield bmp(b"\x10\3\0\0" * 15 + b"\0\4\1\2\3\4\x0c\5\0\0\0\1", 16, 16, 8, 1, palette)
    yield bmp(b"\x10\x31\0\0" * 16 + b"\0\1", 16, 16, 4, 2, palette[:64])
    noise = np.random.default_rng(20).bytes(16 * 16 * 4)
    yield bmp(noise[:512], 16, 16, 16, 3, struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    yield bmp(noise[:512], 16, 16, 16, 3, struct.pack("<III", 0x7C00, 0x3E0, 0x1F))
    yield bmp(noise, 16, 16, 32, 3, struct.pack("<III", 0xFF0000, 0xFF00, 0xFF))
    yield bmp(noise[:512], 16, 16, 16)
    yield bmp(noise, 16, -16, 32)
    old = struct.pack("<IHHHH", 12, 16, 16, 1, 24)
    yield b"BM" + struct.pack("<IHHI", 26 + 768, 0, 0, 26) + old + noise[:768]


def hopeless() -> Iterator[bytes]:
    """Noise, text, and headers that promise more than any machine holds."""
    yield from hopeless_files().values()
    yield from (png_header_only(2**31 - 1, 2**31 - 1), jpeg_of_size(65_535, 65_535))
    random = np.random.default_rng(21)
    yield from (random.bytes(int(size)) for size in random.integers(1, 3000, 20))


@cache
def _carried() -> tuple[bytes, ...]:
    """The images that installed packages carry, in the order of their paths."""
    found = []
    for folder, _, names in os.walk(Path(sys.prefix) / "lib"):
        found += [Path(folder) / name for name in names if Path(name).suffix.lower() in ENDINGS]
    small = (path for path in sorted(found) if path.stat().st_size <= LARGEST_OF_PACKAGES)
    return tuple(path.read_bytes() for path in small)


@cache
def seeds_of_packages(kind: str) -> tuple[bytes, ...]:
    """Those of them that begin like this kind."""
    return tuple(content for content in _carried() if begins_as(kind, content))


def begins_as(kind: str, content: bytes) -> bool:
    """Whether the first bytes are those of a file of this kind."""
    return kind in SIGNATURES and re.match(SIGNATURES[kind], content, re.DOTALL) is not None


ENDINGS = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".avif", ".jp2"}
MAKERS = {
    "jpeg": lambda: (*jpegs(), *other_jpegs()),
    "progressive": lambda: jpegs(progressive=True),
    "mpo": mpos,
    "png": pngs,
    "gif": gifs,
    "webp": webps,
    "tiff": tiffs,
    "bmp": bmps,
    "heic": lambda: heic_files().values(),
    "avif": avifs,
    "jpeg2000": jpegs_2000,
    "jpegxl": jpegs_xl,
    "hopeless": hopeless,
}


@cache
def seeds(kind: str) -> tuple[bytes, ...]:
    """All whole files of a kind, the same ones every time with the same packages."""
    return tuple(dict.fromkeys(MAKERS[kind]()))
