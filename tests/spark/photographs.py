"""Pictures, ordinary and odd, made for tests; the same every time."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from spark_job.contract.run_options import ImageLimits
from spark_job.images.decoding import decode_picture


def pixels(seed: int, height: int = 24, width: int = 32) -> np.ndarray:
    """(height, width, 3) uint8: four quadrants, each of its own colour, a little noisy."""
    random = np.random.default_rng(seed)
    colours = random.integers(20, 236, (2, 2, 3))
    plain = colours.repeat(-(-height // 2), 0)[:height].repeat(-(-width // 2), 1)[:, :width]
    return np.clip(plain + random.integers(-9, 10, plain.shape), 0, 255).astype(np.uint8)


def decode(data: bytes, limits: ImageLimits) -> np.ndarray:
    """The pixels of an image at full size."""
    return decode_picture(data, limits).pixels


def encoded(image: Image.Image | np.ndarray, kind: str = "JPEG", **options: object) -> bytes:
    """The bytes of a file of that kind."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_archive(folder: Path, classes: dict[str, int], seed: int = 0) -> Path:
    """`folder/CLASS/NUMBER.jpg`: so many different photographs of each class."""
    for number, (label, count) in enumerate(sorted(classes.items())):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            content = encoded(pixels(seed + 1000 * number + index), quality=90)
            (folder / label / f"{index:03}.jpg").write_bytes(content)
    return folder


def png_chunk(name: bytes, data: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_header_only(width: int, height: int) -> bytes:
    """A PNG that promises so many pixels and has none."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")


def jpeg_of_size(width: int, height: int) -> bytes:
    """A JPEG whose header is edited to promise so many pixels."""
    content = bytearray(encoded(pixels(1)))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def animation(kind: str) -> bytes:
    """Two frames: the first red, the second blue."""
    red, blue = (Image.new("RGB", (16, 16), colour) for colour in ("red", "blue"))
    return encoded(red, kind, save_all=True, append_images=[blue], **_exact(kind))


def _exact(kind: str) -> dict[str, object]:
    return {"lossless": True} if kind == "WEBP" else {}


def turned_jpeg(orientation: int = 6) -> bytes:
    """40 x 20 as stored, its left half red and its right half blue; EXIF says how to turn it."""
    stored = np.zeros((20, 40, 3), np.uint8)
    stored[:, :20, 0], stored[:, 20:, 2] = 255, 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(stored, "JPEG", exif=exif, quality=95, subsampling=0)


def heic_files() -> dict[str, bytes]:
    """File name -> content: small pictures as phones write them, of x265 by pillow-heif 1.8.

    `phone.heic` is a grid of four tiles that is cropped to 120 x 124 and turned, so that it is 124 x 120;
    the others say by their names what they are. Nothing that is installed here could write them.
    """
    with zipfile.ZipFile(Path(__file__).with_name("heic.zip")) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def jpeg_kinds() -> dict[str, bytes]:
    """Name -> content: small JPEGs of unusual kinds, of libjpeg-turbo's library and of imagecodecs 2026.3."""
    with zipfile.ZipFile(Path(__file__).with_name("jpeg.zip")) as archive:
        return {name.removesuffix(".jpg"): archive.read(name) for name in archive.namelist()}


def usable_oddities() -> dict[str, bytes]:
    """File name -> content; each a picture in an unusual way."""
    photograph = pixels(7)
    image = Image.fromarray(photograph)
    grey16 = (np.arange(24 * 32).reshape(24, 32) * 80).astype(np.uint16)
    transparent = np.dstack([photograph, np.full((24, 32), 90, np.uint8)])
    return {
        "png named.jpg": encoded(photograph, "PNG"),
        "cmyk.jpg": encoded(image.convert("CMYK")),
        "grey.jpg": encoded(image.convert("L")),
        "progressive.jpg": encoded(image, progressive=True),
        "sixteen bits.png": encoded(Image.fromarray(grey16), "PNG"),
        "transparent.png": encoded(transparent, "PNG"),
        "palette.png": encoded(image.quantize(16), "PNG"),
        "one bit.png": encoded(image.convert("1"), "PNG"),
        "plain.gif": encoded(image, "GIF"),
        "plain.webp": encoded(image, "WEBP"),
        "plain.tiff": encoded(image, "TIFF"),
        "packed.tif": encoded(image, "TIFF", compression="tiff_lzw"),
        "plain.bmp": encoded(image, "BMP"),
        "moving.gif": animation("GIF"),
        "moving.webp": animation("WEBP"),
        "moving.png": animation("PNG"),
        "pages.tiff": animation("TIFF"),
        "several.jpg": animation("MPO"),
        "turned.jpg": turned_jpeg(),
        "one pixel.png": encoded(np.full((1, 1, 3), 99, np.uint8), "PNG"),
        "strip.png": encoded(pixels(3, 1, 500), "PNG"),
    }


def hopeless_files() -> dict[str, bytes]:
    """File name -> content; none of them a picture that can be used."""
    photograph = encoded(pixels(8, 64, 64), quality=95)
    return {
        "empty.jpg": b"",
        "truncated.jpg": photograph[: len(photograph) // 2],
        "truncated.png": encoded(pixels(8), "PNG")[:300],
        "text.jpg": b"Dear diary, today I renamed a letter.\n" * 20,
        "page.png": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "zeros.jpg": bytes(5000),
        "only the start.jpg": b"\xff\xd8",
        "bomb.png": png_header_only(20_000, 20_000),
        "bomb.jpg": jpeg_of_size(20_000, 20_000),
        "nothing.gif": b"GIF89a",
        "floats.tiff": encoded(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF"),
    }
