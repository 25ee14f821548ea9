"""What the markers of a JPEG say: its size and kind, how it was held, where its compressed data lies.

ITU-T T.81, annex B: a start of scan is followed by compressed data, in which 0xFF is written as 0xFF00.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image

from spark_job.errors import ImageRejectedError

START_OF_SCAN, END, EXIF = 0xDA, 0xD9, 0xE1
PROGRESSIVE = (0xC2, 0xCA)
# 0xC4, 0xC8 and 0xCC lie between them and are no frames; 0xF7 is JPEG-LS.
FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
# Any number of 0xFF may stand before a marker; 0x00, 0x01 and 0xD0 to 0xD8 begin no segment.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its marker, where in the file it starts and ends, and what it holds after its length."""

    marker: int
    start: int
    end: int
    payload: bytes


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments of a file up to its end marker; what lies between them is passed over."""
    place = 2
    while found := _MARKER.search(data, place):
        start = found.start()
        if data[start + 1] == END:
            yield Segment(END, start, start + 2, b"")
            return
        place = start + 2 + int.from_bytes(data[start + 2 : start + 4])
        yield Segment(data[start + 1], start, place, data[start + 4 : place])


@dataclass(frozen=True, slots=True)
class Header:
    """What a JPEG says of itself before its first scan."""

    frame: int  # the marker of its frame: which of the standard's processes compressed it
    precision: int  # bits of a sample
    width: int  # as stored, in pixels
    height: int
    components: dict[int, tuple[int, int]]  # identity -> (horizontal, vertical) samples in the smallest unit
    orientation: int  # 1 to 8, of Exif
    in_one_scan: bool  # each part of the picture comes once, with all of its components

    @property
    def samples(self) -> int:
        """Of all components together."""
        units = [horizontal * vertical for horizontal, vertical in self.components.values()]
        return self.width * self.height * sum(units) // max(units)


def read_header(data: bytes) -> Header:
    """Read a JPEG up to its first scan. Raises ImageRejectedError: there is no frame, or no scan after it."""
    frame: Segment | None = None
    orientation = 0
    for segment in segments(data):
        if segment.marker in FRAMES and len(segment.payload) >= 9:
            frame = segment
        elif segment.marker == EXIF and not orientation:
            orientation = _orientation(segment.payload)
        elif segment.marker == START_OF_SCAN and frame and segment.payload:
            precision, sizes, parts = frame.payload[0], frame.payload[1:5], frame.payload[6:]
            components = {
                identity: (factors >> 4 or 1, factors & 15 or 1)
                for identity, factors in zip(parts[::3], parts[1::3], strict=False)
            }
            return Header(
                frame.marker,
                precision,
                width=int.from_bytes(sizes[2:]),
                height=int.from_bytes(sizes[:2]),
                components=components,
                orientation=orientation or 1,
                in_one_scan=frame.marker not in PROGRESSIVE and segment.payload[0] == len(components),
            )
    if any(segment.marker == START_OF_SCAN for segment in segments(data)):
        raise ImageRejectedError("the file is damaged: it is a JPEG whose size is missing")
    raise ImageRejectedError("the file ends early: it is a JPEG without a picture")


def _orientation(payload: bytes) -> int:
    """Return 1 to 8, as Exif says that the camera was held; 0: it does not say it, or is malformed."""
    if not payload.startswith(b"Exif\0\0"):
        return 0
    exif = Image.Exif()
    try:
        with warnings.catch_warnings(action="ignore"):
            exif.load(payload)
            found: Any = exif.get(ExifTags.Base.Orientation)
    except Exception:  # Pillow raises whatever it likes on malformed blocks; browsers show such pictures
        return 0
    return int(found) if found in range(1, 9) else 0
