"""Rows that libvips reads as strips of 8 bits a value."""

from contextlib import suppress
from typing import Any

import numpy as np
from PIL import Image

from spark_job.errors import ImageRejectedError
from spark_job.images.formats.libvips import VipsError, VipsRows
from spark_job.images.formats.names import SAVE
from spark_job.images.formats.opened import UNKNOWN_RANGE, Opened, bits_used, eight_bits
from spark_job.images.picture import STRIP_BYTES

VIPS_ROWS = 700  # that libvips holds, as measured
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_TRANSPARENCY = (1, 2)  # of TIFF's ExtraSamples: associated and not; 0 may be anything, as a mask


class Strips(VipsRows):
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
            raise ImageRejectedError(f"floating-point {UNKNOWN_RANGE}: {SAVE}")
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
        """Return these rows as a picture of Pillow's."""
        values = self.read(first, rows)
        channels = [values[:, :, : self.colours]]
        if self.alpha:
            channels.append(values[:, :, self._alpha : self._alpha + 1])
        if self.type != np.uint8:
            self._bits = self._bits or Strips(self._data, self._most, self._options, self._extra).bits_used()
            channels = [eight_bits(each, bits) for each, bits in zip(channels, self._bits, strict=False)]
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
        return bits_used(lowest, max(self._most, most_found)), bits_used(0, most_alpha or 65_535)

    def opened(self, held: float, **more: Any) -> Opened:
        """Describe the picture; `held`: bytes beside the rows that libvips holds."""
        held += min(self.height, VIPS_ROWS) * self.row_bytes
        return Opened(self.width, self.height, held, self.strip, self.colours == 1, self.orientation, **more)
