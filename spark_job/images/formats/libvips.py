"""Rows of a PNG, TIFF or WebP, read one after the other by libvips, which holds only a few of them.

This is the part of pyvips that is needed: pyvips has no wheel, and a node installs wheels alone. `_libvips`
is the interface to C that the wheel of libvips brings: https://www.libvips.org/API/current/.
"""

import os
from typing import Any

import numpy as np
from _libvips import ffi, lib

os.environ["VIPS_WARNING"] = "0"  # its warnings would go to stderr; errors come as VipsError
lib.vips_init(b"")
del os.environ["VIPS_WARNING"]
lib.vips_cache_set_max(0)
lib.vips_concurrency_set(1)  # a worker has one core; with 16 it would hold 70 MiB more
# VipsBandFormat; those that are missing are signed bytes, floating-point and complex numbers.
_TYPES = {0: np.uint8, 2: np.uint16, 3: np.int16, 4: np.uint32, 5: np.int32}


class VipsError(Exception):
    """What libvips says of a file that it cannot read, or not to its end."""


class VipsRows:
    """An image whose rows are read in their order.

    Attributes:
        width, height, bands: as stored.
        type: of a value; None: it is no whole number, or a signed byte.
        alpha: the last band is transparency.
        orientation: as Exif has it, 1 to 8.
    """

    def __init__(self, data: bytes, options: str) -> None:
        """Read the header; options: of libvips' loader, as `fail_on=error,scale=0.5`.

        Raises:
            VipsError: it is no image.
        """
        self._content = ffi.from_buffer(data)  # kept as long as the image
        self._image = _image(self._content, options)
        self._region = _owned(lib.vips_region_new(self._image))
        self.width, self.height = self._number("width"), self._number("height")
        self.bands = self._number("bands")
        self.type = _TYPES.get(self._number("format"))
        self.alpha = bool(lib.vips_image_hasalpha(self._image))
        found = self._number("orientation", 1)
        self.orientation = found if 1 <= found <= 8 else 1

    def read(self, first: int, rows: int) -> np.ndarray:
        """Return (rows, width, bands), as stored.

        Raises:
            VipsError: they are damaged or missing.
        """
        size = ffi.new("size_t *")
        content = lib.vips_region_fetch(self._region, 0, first, self.width, rows, size)
        if content == ffi.NULL:
            raise _error()
        buffer = ffi.buffer(ffi.gc(content, lib.g_free), size[0])
        return np.frombuffer(buffer, self.type).reshape(rows, self.width, self.bands)

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
