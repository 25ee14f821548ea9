"""Reads the tensors of a PyTorch checkpoint of the old pickle format, without PyTorch and without its risks.

The format, up to PyTorch 1.5: five pickles (magic number, protocol version, system, state, storage keys),
then the storages, each an int64 count and its numbers. `torch.serialization._legacy_load` describes it.
"""

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

from spark_job.errors import ExtractorError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

_STORAGE_TYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "IntStorage": np.dtype("<i4"),
    "LongStorage": np.dtype("<i8"),
}

# What damaged or hostile bytes make pickle and the steps after it raise.
_DAMAGE = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
)


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a state dictionary, by name; no code of the file is run.

    Raises:
        ExtractorError: not such a checkpoint, damaged, or it names code that is not on the allow-list.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
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
        last = self.offset + sum(
            (size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True)
        )
        if 0 not in self.shape and last >= len(numbers):
            raise ValueError("a tensor reaches beyond its storage")
        strides = tuple(stride * numbers.itemsize for stride in self.strides)
        return np.ascontiguousarray(as_strided(numbers[self.offset :], self.shape, strides))


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _AllowListUnpickler(pickle.Unpickler):
    """Knows the few globals of a state dictionary and refuses every other: unpickling runs what it names."""

    allowed: ClassVar[dict[tuple[str, str], Any]] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        **{("torch", name): dtype for name, dtype in _STORAGE_TYPES.items()},
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


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    def load() -> Any:
        return _AllowListUnpickler(file).load()

    if load() != _MAGIC or load() != _PROTOCOL:
        raise ValueError("its magic number or protocol version is another")
    load()  # byte order and sizes of the writer; PyTorch always writes little-endian
    tensors = {name: value for name, value in load().items() if isinstance(value, _Tensor)}
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
    numbers = {key: _read_numbers(file, dtypes[key]) for key in load()}
    return {name: tensor.view(numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _read_numbers(file: BinaryIO, dtype: np.dtype[Any]) -> np.ndarray:
    count = int.from_bytes(file.read(8), "little")
    content = file.read(count * dtype.itemsize)
    if len(content) != count * dtype.itemsize:
        raise ValueError("it ends too early")
    return np.frombuffer(content, dtype)
