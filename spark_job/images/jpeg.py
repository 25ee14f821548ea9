"""A JPEG file to upright RGB pixels, at the smallest scale that is enough for the network."""

import numpy as np
from PIL import Image

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images.jpeg_damage import decode_damaged, decode_scaled, require_all_scans
from spark_job.images.jpeg_segments import PROGRESSIVE, Header, read_header
from spark_job.images.picture import Needed, Picture, check_memory, check_size, shrinking, upright

# A scale is a share of the 8 x 8 frequencies of a block; 3/8 and 5/8 are no quicker than their neighbours.
DENOMINATORS = (8, 4, 2, 1)
# libjpeg-turbo reads these frames: baseline, extended and progressive.
HUFFMAN_FRAMES = (0xC0, 0xC1, 0xC2)
# Pillow's libjpeg-turbo reads these, too: lossless, and arithmetic coding in its two forms.
PILLOWS_FRAMES = (0xC3, 0xC9, 0xCA)


def decode_jpeg(data: bytes, limits: ImageLimits, needed: Needed = None) -> Picture | None:
    """Decode a JPEG; one that is damaged in part is usable when nine tenths of its rows are there.

    Arguments and errors are those of `decode_picture`. None: it is of a kind that Pillow reads and simplejpeg
    does not.
    """
    header = read_header(data)
    check_size(header.width, header.height, limits)
    if header.precision != 8 or header.frame not in (*HUFFMAN_FRAMES, *PILLOWS_FRAMES):
        raise ImageRejectedError(f"{_kind(header)} is not read: save it as an ordinary JPEG or as PNG")
    most = shrinking(header.width, header.height, header.orientation, needed)
    denominator = next(one for one in DENOMINATORS if one <= most)
    _check_memory(header, denominator)
    if header.frame in PILLOWS_FRAMES:
        return None
    damage = None
    try:
        pixels = decode_scaled(data, header, denominator)
        if header.frame in PROGRESSIVE:
            require_all_scans(data, header)
    except ValueError as error:
        if "color conversion" in str(error) or "subsampling" in str(error):
            return None
        pixels, damage = decode_damaged(data, header, denominator)
    if pixels.shape[2] == 4:
        pixels = _of_inks(pixels)
    width, height = header.width, header.height
    if header.orientation >= 5:
        width, height = height, width
    greyscale = len(header.components) == 1
    return Picture(upright(pixels, header.orientation), greyscale, width, height, damage)


def _kind(header: Header) -> str:
    names = {0xC3: "a lossless JPEG", 0xF7: "a JPEG-LS file", 0xC9: "a JPEG with arithmetic coding"}
    if header.precision != 8:
        return f"a JPEG of {header.precision} bits a sample"
    return names.get(header.frame, f"a JPEG of process SOF{header.frame & 15}")


def _of_inks(inks: np.ndarray) -> np.ndarray:
    """Return (h, w, 3) RGB of (h, w, 4) CMYK, which is stored inverted as Adobe's programs do; by strips."""
    pixels = np.empty((*inks.shape[:2], 3), np.uint8)
    for first in range(0, len(inks), 64):
        strip = Image.fromarray(255 - inks[first : first + 64], "CMYK")
        pixels[first : first + 64] = np.asarray(strip.convert("RGB"))
    return pixels


def _check_memory(header: Header, denominator: int) -> None:
    """Refuse what does not fit: pixels, twice while they are turned, and coefficients that wait for more."""
    pixels = 2 * max(3, len(header.components)) * header.width * header.height // denominator**2
    if header.in_one_scan:
        check_memory("JPEG", header.width, header.height, pixels)
    else:
        check_memory("progressive JPEG", header.width, header.height, pixels + 2 * header.samples)
