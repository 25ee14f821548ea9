"""Rows of a PNG, TIFF or WebP, in strips: libvips reads one after the other and holds only a few of them.

This is the part of pyvips that is needed: pyvips has no wheel, and a node installs wheels alone. `_libvips`
is the interface to C of libvips' wheel: https://www.libvips.org/API/current/.
"""

import os
from contextlib import suppress
from typing import Any

import numpy as np
from _libvips import ffi, lib
from PIL import Image

from spark_job.errors import ImageRejectedError
from spark_job.images.formats.names import SAVE
from spark_job.images.picture import STRIP_BYTES, UNKNOWN_RANGE, Opened, bits_used, eight_bits

os.environ["VIPS_WARNING"] = "0"  # its warnings would go to stderr; errors come as VipsError
lib.vips_init(b"")
del os.environ["VIPS_WARNING"]
lib.vips_cache_set_max(0)
lib.vips_concurrency_set(1)  # a worker has one core; with 16 it would hold 70 MiB more
# VipsBandFormat; those that are missing are signed bytes, floating-point and complex numbers.
_TYPES = {0: np.uint8, 2: np.uint16, 3: np.int16, 4: np.uint32, 5: np.int32}
VIPS_ROWS = 700  # that libvips holds, as measured
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_TRANSPARENCY = (1, 2)  # of TIFF's ExtraSamples: associated and not; 0 may be anything, as a mask


class VipsError(Exception):
    """What libvips says of a file that it cannot read, or not to its end."""


class Strips:
    """A picture whose rows are read in their order, also as strips of 8 bits."""

    def __init__(
        self, data: bytes, most: int = 0, options: str = "fail_on=truncated", extra: tuple[int, ...] = ()
    ) -> None:
        """Read the header with these options of libvips' loader, as `fail_on=error,scale=0.5`.

        `most` is the largest value, `extra` what each band beyond the colours is, where the file says
        it. Raises VipsError or ImageRejectedError.
        """
        self._content = ffi.from_buffer(data)  # kept as long as the image
        self._image = _image(self._content, options)
        self._region = _owned(lib.vips_region_new(self._image))
        self.width, self.height = self._number("width"), self._number("height")
        self.bands = self._number("bands")
        self.type = _TYPES.get(self._number("format"))  # of a value
        self.alpha = bool(lib.vips_image_hasalpha(self._image))
        found = self._number("orientation", 1)
        self.orientation = found if 1 <= found <= 8 else 1  # as Exif has it
        if self.type is None:
            raise ImageRejectedError(f"floating-point {UNKNOWN_RANGE}: {SAVE}")
        self.row_bytes = self.width * self.bands * np.dtype(self.type).itemsize
        self.colours = 3 if self.bands - (len(extra) or self.alpha) >= 3 else 1  # bands that are colours
        self._alpha = self.bands - 1
        if extra:
            others = [self.colours + place for place, meaning in enumerate(extra) if meaning in _TRANSPARENCY]
            self.alpha, self._alpha = bool(others), others[0] if others else 0
        self._data, self._options, self._extra = data, options, extra
        self._most = most
        self._bits: tuple[int, int] | None = None

    def read(self, first: int, rows: int) -> np.ndarray:
        """Return (rows, width, bands), as stored. Raises VipsError: they are damaged or missing."""
        size = ffi.new("size_t *")
        content = lib.vips_region_fetch(self._region, 0, first, self.width, rows, size)
        if content == ffi.NULL:
            raise _error()
        buffer = ffi.buffer(ffi.gc(content, lib.g_free), size[0])
        return np.frombuffer(buffer, self.type).reshape(rows, self.width, self.bands)

    def strip(self, first: int, rows: int) -> Any:
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

    def _number(self, name: str, default: int = 0) -> int:
        if not lib.vips_image_get_typeof(self._image, name.encode()):
            return default
        value = ffi.new("GValue *")
        lib.vips_image_get(self._image, name.encode(), value)
        read = lib.g_value_get_enum if name == "format" else lib.g_value_get_int
        number: int = read(value)
        lib.g_value_unset(value)
        return number


def _image(data: Any, options: str) -> Any:
    source = _owned(lib.vips_source_new_from_memory(data, len(data)))
    name = lib.vips_foreign_find_load_source(source)
    if name == ffi.NULL:
        raise _error()
    operation = _owned(lib.vips_operation_new(name))
    if lib.vips_object_set_from_string(
        ffi.cast("VipsObject *", operation), f"access=sequential,{options}".encode()
    ):
        raise _error()
    value = _value("VipsSource")
    lib.g_value_set_object(value, source)
    lib.g_object_set_property(ffi.cast("GObject *", operation), b"source", value)
    lib.g_value_unset(value)
    built = lib.vips_cache_operation_build(operation)
    if built == ffi.NULL:
        lib.vips_object_unref_outputs(ffi.cast("VipsObject *", operation))
        raise _error()
    value = _value("VipsImage")
    lib.g_object_get_property(ffi.cast("GObject *", built), b"out", value)
    image = lib.g_value_get_object(value)
    lib.g_object_ref(image)
    lib.g_value_unset(value)
    lib.vips_object_unref_outputs(ffi.cast("VipsObject *", built))
    lib.g_object_unref(built)
    return _owned(ffi.cast("VipsImage *", image))


def _value(kind: str) -> Any:
    value = ffi.new("GValue *")
    lib.g_value_init(value, lib.g_type_from_name(kind.encode()))
    return value


def _owned(pointer: Any) -> Any:
    """Return a pointer whose object goes when Python lets go of it."""
    if pointer == ffi.NULL:
        raise _error()
    return ffi.gc(pointer, lib.g_object_unref)


def _error() -> VipsError:
    words = ffi.string(lib.vips_error_buffer()).decode(errors="replace")
    lib.vips_error_clear()
    return VipsError(words)
