"""A JPEG file to upright RGB pixels, at the smallest scale that is enough; also what a damaged one shows.

libjpeg-turbo fills what is missing with grey and goes on; of its warnings it tells the first. So the place of
a fault is found by decoding again: bytes that are put into the compressed data change the picture from there
on, and no row before it.
"""

import re
from dataclasses import dataclass
from math import ceil

import numpy as np
import simplejpeg
from PIL import Image

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images import picture as pictures
from spark_job.images.jpeg_segments import END, PROGRESSIVE, START_OF_SCAN, Header, read_header, segments

_NO_ROWS = "the file ends early: none of its rows is there in full"
END_MARKER = bytes([0xFF, END])
# What decoding needs: frame, tables, restarts, and the two application blocks that tell the colours.
_RESTART_INTERVAL = 0xDD
_ALL_FREQUENCIES = b"\0\x3f\0"
_KEPT = (*range(0xC0, 0xD0), 0xDB, _RESTART_INTERVAL, 0xE0, 0xEE, START_OF_SCAN)
_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes")
_LEAST_FILLING = 16  # zeros; a transfer that stopped may leave a file of the right size, no picture ends so
_HARMLESS_BYTES = 16  # some cameras leave a few after the last row; a block rarely takes less
_NOISE = [np.random.default_rng(seed).integers(0, 255, 256, np.uint8).tobytes() for seed in range(4)]
_RESTARTS = [bytes([0xFF, 0xD0 + number]) for number in range(8)]
# A scale is a share of the 8 x 8 frequencies of a block; 3/8 and 5/8 are no quicker than their neighbours.
DENOMINATORS = (8, 4, 2, 1)
HUFFMAN_FRAMES = (0xC0, 0xC1, 0xC2)  # libjpeg-turbo reads these frames: baseline, extended and progressive
PILLOWS_FRAMES = (0xC3, 0xC9, 0xCA)  # Pillow's libjpeg-turbo reads lossless and arithmetic coding, too


def decode_scaled(data: bytes, header: Header, denominator: int, *, strict: bool = True) -> np.ndarray:
    """Return (h, w, 3) uint8 RGB, or 4 inks, of a share of both sides; ValueError: it fails or warns."""
    smallest = (header.height, header.width) if denominator > 1 else (0, 0)
    try:
        pixels: np.ndarray = simplejpeg.decode_jpeg(
            data,
            colorspace="CMYK" if len(header.components) == 4 else "RGB",
            fastdct=False,
            fastupsample=False,
            min_height=ceil(smallest[0] / denominator),
            min_width=ceil(smallest[1] / denominator),
            strict=strict,
        )
    except KeyError as error:  # simplejpeg's, where a header says nothing of its colours
        raise ValueError("its header is damaged") from error
    return pixels


@dataclass(frozen=True)
class _Jpeg:
    """A file without what decoding does not need."""

    header: Header
    content: bytes  # from its start to the end of its last scan
    scans: list[tuple[int, int]]  # (start, end) of each scan's compressed data in `content`
    complete: bool  # no scan is missing
    ended: bool  # the end marker is there
    restarts: bool  # the compressed data has marks from which decoding can go on

    def decoded(self, denominator: int, place: int = 0, inserted: bytes = b"") -> np.ndarray:
        """Return the pixels when bytes are put into the compressed data."""
        content = self.content[:place] + inserted + self.content[place:] + END_MARKER
        return decode_scaled(content, self.header, denominator, strict=False)

    def warning(self, end: int) -> str:
        """Return the decoder's first warning of the content up to there; empty: there is none."""
        try:
            decode_scaled(self.content[:end] + END_MARKER, self.header, 8)
        except ValueError as error:
            return str(error)
        return ""


def decode_damaged(data: bytes, header: Header, denominator: int) -> tuple[np.ndarray, str | None]:
    """Return pixels and a sentence about their damage; ImageRejectedError: too few rows are whole."""
    jpeg = _read(data, header)
    try:
        share, sentence = _damage(jpeg)
        if share < pictures.LEAST_SHARE:
            raise ImageRejectedError(sentence)
        return jpeg.decoded(denominator), sentence or None
    except ValueError as error:
        raise ImageRejectedError(f"the file is damaged: {_in_a_sentence(error)}") from error


def _read(data: bytes, header: Header) -> _Jpeg:
    content = bytearray(data[:2])
    scans: list[tuple[int, int]] = []
    lowest_bit = {identity: np.full(64, 99) for identity in header.components}  # that the scans have brought
    restarts = ended = False
    found = list(segments(data))
    for segment, following in zip(found, [*(one.start for one in found[1:]), len(data)], strict=True):
        ended = segment.marker == END
        if segment.marker not in _KEPT or (scans and header.in_one_scan):
            continue
        content += _with_known_numbers(data[segment.start : segment.end])
        restarts = restarts or (segment.marker == _RESTART_INTERVAL and any(segment.payload))
        if segment.marker == START_OF_SCAN:
            if header.frame not in PROGRESSIVE:
                content[-3:] = _ALL_FREQUENCIES  # some programs write others, and are warned of
            _note(bytes(content[-len(segment.payload) :]), lowest_bit)
            compressed = data[segment.end : following]
            if compressed.endswith(bytes(_LEAST_FILLING)):
                compressed = compressed.rstrip(b"\0")
            compressed = compressed.rstrip(b"\xff")
            scans.append((len(content), len(content) + len(compressed)))
            content += compressed
    complete = all((bits == 0).all() for bits in lowest_bit.values())
    return _Jpeg(header, bytes(content), scans, complete, ended, restarts)


def _with_known_numbers(segment: bytes) -> bytes:
    """Return a segment with the usual number for an unknown one, at whose warning simplejpeg ends."""
    name = segment[4:9]
    if name == b"JFIF\0" and segment[9:10] != b"\1":
        return segment[:9] + b"\1" + segment[10:]
    if name == b"Adobe" and segment[15:16] > b"\2":
        return segment[:15] + b"\1" + segment[16:]
    return segment


def _note(scan: bytes, lowest_bit: dict[int, np.ndarray]) -> None:
    """Enter what a scan brings: of its components the frequencies from one to another, down to a bit."""
    if len(scan) < 1 + 2 + 3:  # a damaged one brings nothing
        return
    first, last, bits = scan[-3:]
    for identity in scan[1 : 1 + 2 * scan[0] : 2]:
        if identity in lowest_bit:
            lowest_bit[identity][first : last + 1] = bits & 15


def _damage(jpeg: _Jpeg) -> tuple[int, str]:
    """Return the percentage of rows that are whole, and a sentence; empty: nothing is damaged."""
    end = len(jpeg.content)
    warning = jpeg.warning(end)
    if not jpeg.complete:
        return 0, _NO_ROWS
    if not warning:
        early = "the file ends early: all of its rows are there, its end marker is missing"
        return 100, "" if jpeg.ended else early
    premature = "premature end" in warning.lower()
    if premature or jpeg.restarts:  # where there are restart markers, other warnings may come before that
        for _, place in reversed(jpeg.scans):
            if (share := _share_before(jpeg, place)) < 100:
                return share, f"the file ends early: {share} % of its rows are there"
    if left_over := _EXTRANEOUS.search(warning):
        length = int(left_over[1])
        if length <= _HARMLESS_BYTES:
            return 100, ""
        percent = ceil(100 * length / end)
        return 100 - percent, f"the file is damaged: {percent} % of its data is left over after its last row"
    if not jpeg.restarts and not premature:
        share = _share_before(jpeg, _place_of_fault(jpeg))
        return share, f"the file is damaged after {share} % of its rows"
    return 100, f"the file is damaged in part: {_in_a_sentence(warning)}"


def _place_of_fault(jpeg: _Jpeg) -> int:
    """Return where the decoder meets what it first warns of: a file that ends before is merely short."""
    good, bad = jpeg.scans[0][0], len(jpeg.content)
    while bad - good > max(1, len(jpeg.content) // 256):
        middle = (good + bad) // 2
        if "premature end" in jpeg.warning(middle).lower():
            good = middle
        else:
            bad = middle
    return good


def _share_before(jpeg: _Jpeg, place: int) -> int:
    """Return the percentage of the rows that do not change with what comes at this place of the content."""
    header = jpeg.header
    denominator, noise = 8, _NOISE[:1]
    if header.frame in PROGRESSIVE:  # their fine frequencies, which come last, do not show at an eighth
        noise = _NOISE  # and one of them may say that the rest of the scan is empty
        denominator = 2 if header.width * header.height > 4_000_000 else 1
    whole = jpeg.decoded(denominator)
    marks = _RESTARTS if jpeg.restarts else []
    place -= jpeg.content[place - 1] == 0xFF  # it is one with the byte that follows
    first = len(whole)  # the first row that changes
    for inserted in [*noise, *(mark + noise[0] for mark in marks)]:
        changed = (whole != jpeg.decoded(denominator, place, inserted)).any(axis=(1, 2))
        first = min(first, int(changed.argmax()) if changed.any() else first)
    if first == len(whole):
        return 100
    # Rows that are compressed together.
    unit = 8 * max(vertical for _, vertical in header.components.values()) if header.in_one_scan else 8
    rows = (first * denominator + 2) // unit * unit  # colours of half the height change a row before
    return 100 * rows // header.height


def _in_a_sentence(error: object) -> str:
    """Return a decoder's words without its own names of functions and numbers of tables and markers."""
    words = re.sub(r" 0x\w+|\w+\(\): ", "", str(error))
    return words[:1].lower() + words[1:]


def decode_jpeg(data: bytes, limits: ImageLimits, needed: pictures.Needed = None) -> pictures.Picture | None:
    """Decode a JPEG as `decode_picture` does; None: Pillow reads this kind, and simplejpeg does not."""
    header = read_header(data)
    pictures.check_size(header.width, header.height, limits)
    if header.precision != 8 or header.frame not in (*HUFFMAN_FRAMES, *PILLOWS_FRAMES):
        raise ImageRejectedError(f"{_kind(header)} is not read: save it as an ordinary JPEG or as PNG")
    most = pictures.shrinking(header.width, header.height, header.orientation, needed)
    denominator = next(one for one in DENOMINATORS if one <= most)
    # Pixels, twice while they are turned, and coefficients that wait for more scans.
    taken = 2 * max(3, len(header.components)) * header.width * header.height // denominator**2
    kind = "JPEG" if header.in_one_scan else "progressive JPEG"
    waiting = 0 if header.in_one_scan else 2 * header.samples
    pictures.check_memory(kind, header.width, header.height, taken + waiting)
    if header.frame in PILLOWS_FRAMES:
        return None
    damage = None
    try:
        pixels = decode_scaled(data, header, denominator)
        # The scans of a progressive file may not bring every bit of every frequency.
        if header.frame in PROGRESSIVE and not _read(data, header).complete:
            raise ImageRejectedError(_NO_ROWS)
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
    return pictures.Picture(pictures.upright(pixels, header.orientation), greyscale, width, height, damage)


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
