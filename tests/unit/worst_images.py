"""Images that take as much memory as their format can make them; of one colour, so the files are small."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import partial
from math import ceil

import imagecodecs
import numpy as np
from PIL import Image

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG's colour type
# Width and height of each pass as shares of the image: https://www.w3.org/TR/png-3/#8Interlace
ADAM7 = ((8, 8), (8, 8), (4, 8), (4, 4), (2, 4), (2, 2), (1, 2))


def png(width: int, height: int, depth: int, colour: int, interlaced: bool = False) -> bytes:
    """Return a PNG of zeros, of any depth and colour type."""
    packed = zlib.compressobj(1)
    rows = b""
    for across, down in ADAM7 if interlaced else ((1, 1),):
        row = bytes(1 + ceil(ceil(width / across) * CHANNELS[colour] * depth / 8))
        rows += b"".join(packed.compress(row) for _ in range(ceil(height / down)))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    palette = [(b"PLTE", bytes(range(256)) * 3)] if colour == 3 else []
    chunks = [(b"IHDR", header), *palette, (b"IDAT", rows + packed.flush()), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def saved(mode: str, width: int, height: int, kind: str, **options: object) -> bytes:
    """Return what Pillow saves of an image of one colour."""
    buffer = io.BytesIO()
    Image.new(mode, (width, height)).save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg_xl(width: int, height: int) -> bytes:
    """Return a JPEG XL of one colour."""
    return bytes(imagecodecs.jpegxl_encode(np.zeros((height, width, 3), np.uint8), level=80, effort=1))


def noise(width: int, height: int) -> bytes:
    """Return a JPEG of chance: no file of its size is larger."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG", quality=100, subsampling="4:4:4")
    return buffer.getvalue()


jpeg = partial(saved, kind="JPEG", quality=75)
# Makers by name, each of (width, height).
WORST: dict[str, Callable[[int, int], bytes]] = {
    "baseline.jpg": partial(jpeg, "RGB", subsampling="4:2:0"),
    "baseline-444.jpg": partial(jpeg, "RGB", subsampling="4:4:4"),
    "progressive.jpg": partial(jpeg, "RGB", subsampling="4:2:0", progressive=True),
    "progressive-444.jpg": partial(jpeg, "RGB", subsampling="4:4:4", progressive=True),
    "inks.jpg": partial(jpeg, "CMYK"),
    "grey.png": partial(png, depth=8, colour=0),
    "grey-16.png": partial(png, depth=16, colour=0),
    "grey-alpha.png": partial(png, depth=8, colour=4),
    "rgb.png": partial(png, depth=8, colour=2),
    "rgba.png": partial(png, depth=8, colour=6),
    "rgba-16.png": partial(png, depth=16, colour=6),
    "palette-interlaced.png": partial(png, depth=8, colour=3, interlaced=True),
    "rgba-interlaced.png": partial(png, depth=8, colour=6, interlaced=True),
    "rgba-16-interlaced.png": partial(png, depth=16, colour=6, interlaced=True),
    "lossy.webp": partial(saved, "RGB", kind="WEBP", method=0),
    "alpha.webp": partial(saved, "RGBA", kind="WEBP", method=0),
    "deflated.tif": partial(saved, "RGB", kind="TIFF", compression="tiff_adobe_deflate"),
    "grey-16.tif": partial(saved, "I;16", kind="TIFF", compression="tiff_adobe_deflate"),
    "rgba.tif": partial(saved, "RGBA", kind="TIFF", compression="tiff_adobe_deflate"),
    "two-colours.bmp": partial(saved, "1", kind="BMP"),
    "plain.gif": partial(saved, "P", kind="GIF"),
    "plain.avif": partial(saved, "RGB", kind="AVIF", speed=10),
    "alpha.avif": partial(saved, "RGBA", kind="AVIF", speed=10),
    "plain.jxl": jpeg_xl,
    "plain.jp2": partial(saved, "RGB", kind="JPEG2000"),
}
