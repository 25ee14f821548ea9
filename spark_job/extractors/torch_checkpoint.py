"""The tensors of a PyTorch checkpoint of the old pickle format, read without PyTorch and without its risks.

The format, up to PyTorch 1.5: five pickles (of magic number, protocol version, system, state, storage keys),
then the storages, each a count and its numbers (`torch.serialization._legacy_load`).
"""

import os
import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

from spark_job.errors import ExtractorError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

_STORAGE_TYPES = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "Int": "<i4", "Long": "<i8"}
# What damaged or hostile bytes make pickle and the steps after it raise.
_DAMAGE = (
    *(pickle.UnpicklingError, struct.error, EOFError, ValueError, TypeError),
    *(LookupError, AttributeError, OverflowError),
)


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a state dictionary, by name, running no code; ExtractorError: damaged."""
    try:
        return _read(path.read_bytes())
    except OSError as error:
        raise ExtractorError(f"{path} cannot be read: {error.strerror}") from error
    except _DAMAGE as error:
        raise ExtractorError(
            f"{path} is not a PyTorch checkpoint of the old pickle format, or is damaged: {error}"
        ) from error


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage, in numbers, not bytes; the storages come after the views in the file."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def view(self, numbers: np.ndarray) -> np.ndarray:
        # as_strided checks nothing: a wrong stride would read other memory.
        if min((*self.shape, *self.strides, self.offset), default=0) < 0:
            raise ValueError("a tensor has a negative size")
        steps = zip(self.shape, self.strides, strict=True)
        last = self.offset + sum((size - 1) * stride for size, stride in steps)
        if 0 not in self.shape and last >= len(numbers):
            raise ValueError("a tensor reaches beyond its storage")
        strides = tuple(stride * numbers.itemsize for stride in self.strides)
        return np.ascontiguousarray(as_strided(numbers[self.offset :], self.shape, strides))


class _AllowListUnpickler(pickle._Unpickler):
    """Knows the few globals of a state dictionary and refuses every other: unpickling runs what it names.

    Its base is the unpickler written in Python: the one in C reserves memory for whatever length the file
    names before it looks whether there is so much. So does BYTEARRAY8, which checkpoints do not have.
    """

    dispatch: ClassVar = {
        code: run for code, run in pickle._Unpickler.dispatch.items() if code != pickle.BYTEARRAY8[0]
    }

    allowed: ClassVar[dict[tuple[str, str], Any]] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): lambda *of: _Tensor(*of[:2], *map(tuple, of[2:4])),
        **{("torch", f"{name}Storage"): np.dtype(kind) for name, kind in _STORAGE_TYPES.items()},
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.allowed[module, name]
        except KeyError:
            raise ExtractorError(
                f"the checkpoint names {module}.{name}, which no weights need: refused, nothing was run"
            ) from None

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _location, count, _view = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise ValueError(f"unknown kind of storage {kind!r}")
        return _Storage(key, dtype, count)


class _Lines(BytesIO):
    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if not line.endswith(b"\n"):
            raise EOFError("it ends too early")
        return line


def _read(content: bytes) -> dict[str, np.ndarray]:
    file = _Lines(content)

    def load() -> Any:
        return _AllowListUnpickler(file).load()

    def numbers(dtype: np.dtype[Any]) -> np.ndarray:
        count, begin = int.from_bytes(file.read(8), "little"), file.tell()
        file.seek(count * dtype.itemsize, os.SEEK_CUR)
        return np.frombuffer(content, dtype, count, begin)

    if load() != _MAGIC or load() != _PROTOCOL:
        raise ValueError("its magic number or protocol version is another")
    load()  # byte order and sizes of the writer; PyTorch always writes little-endian
    tensors = {name: value for name, value in load().items() if isinstance(value, _Tensor)}
    if sum(prod(tensor.shape) * tensor.storage.dtype.itemsize for tensor in tensors.values()) > len(content):
        raise ValueError("its tensors take more memory than the file")
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
    storages = {key: numbers(dtypes[key]) for key in load()}
    return {name: tensor.view(storages[tensor.storage.key]) for name, tensor in tensors.items()}
