"""What `fruit extractor build` can be asked for: the models, how images enter them, the checked request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, cast, get_args

from spark_job.contract.errors import MisuseError

Pooling = Literal["avg", "max"]
FULL_SIZE = (224, 224)  # VGG16's dense layers were trained on this size and take no other
_KERAS_FILE = "_weights_tf_dim_ordering_tf_kernels"


@dataclass(frozen=True)
class Model:
    """One model: its input as Keras' `preprocess_input` makes it, and the options it takes."""

    name: str
    pixel_mean: tuple[float, float, float]
    pixel_scale: tuple[float, float, float]
    channel_order: Literal["RGB", "BGR"] = "RGB"
    default_size: tuple[int, int] = (224, 224)
    minimum_side: int = 32
    constructor: str | None = None  # its name in `keras.applications`; None for a network of our own
    weights_file: str | None = None  # the file without classifier that Keras keeps in its cache
    full_weights_file: str | None = None  # the file with classifier, where a layer needs it
    weights_suffix: str | None = None
    license: str = "none"  # of the pretrained weights: https://keras.io/api/applications/
    layers: tuple[str, ...] = ()  # layers that can be asked for instead of pooling
    pooled: bool = True
    takes_dense: bool = False


# mode "caffe" of keras.applications.imagenet_utils.preprocess_input: BGR, means of ImageNet in that order.
_caffe = partial(
    Model,
    channel_order="BGR",
    pixel_mean=(103.939, 116.779, 123.68),
    pixel_scale=(1.0, 1.0, 1.0),
    weights_suffix=".h5",
)
_MODELS = (
    Model(
        "mobilenet_v2",
        pixel_mean=(127.5, 127.5, 127.5),  # mode "tf": -1..1
        pixel_scale=(127.5, 127.5, 127.5),
        constructor="MobileNetV2",
        license="Apache-2.0",
        weights_file=f"mobilenet_v2{_KERAS_FILE}_1.0_224_no_top.h5",
        weights_suffix=".h5",
    ),
    _caffe(
        "vgg16",
        constructor="VGG16",
        license="CC-BY-4.0",
        weights_file=f"vgg16{_KERAS_FILE}_notop.h5",
        full_weights_file=f"vgg16{_KERAS_FILE}.h5",
        layers=("fc2", "flatten"),
        takes_dense=True,
    ),
    _caffe("resnet50", constructor="ResNet50", license="MIT", weights_file=f"resnet50{_KERAS_FILE}_notop.h5"),
    # https://github.com/tensorflow/tpu/blob/master/models/official/efficientnet/lite/efficientnet_lite_builder.py
    Model(
        "efficientnet_lite0",
        pixel_mean=(127.0, 127.0, 127.0),
        pixel_scale=(128.0, 128.0, 128.0),
        weights_suffix=".pth",
        license="Apache-2.0",
    ),
    Model(
        "raw_pixels",
        pixel_mean=(0.0, 0.0, 0.0),
        pixel_scale=(255.0, 255.0, 255.0),
        default_size=(100, 100),
        minimum_side=1,
        pooled=False,
    ),
)
MODELS: dict[str, Model] = {model.name: model for model in _MODELS}


@dataclass(frozen=True)
class Request:
    """A request that can be built; `size`: (height, width), `weights`: None for the pretrained ones."""

    model: Model
    weights: Literal["random"] | Path | None
    layer: str | None
    pooling: Pooling | None
    dense: tuple[int, ...]
    size: tuple[int, int]
    seed: int

    @property
    def weights_file(self) -> str | None:
        """The name under which Keras keeps the weights that this request needs."""
        return self.model.full_weights_file if self.layer == "fc2" else self.model.weights_file


def check_request(
    model: str,
    *,
    weights: str | None = None,
    layer: str | None = None,
    pooling: str | None = None,
    dense: Sequence[int] = (),
    size: tuple[int, int] | None = None,
    seed: int = 0,
) -> Request:
    """Complete the options with the model's defaults; MisuseError: they do not go together."""
    if model not in MODELS:
        raise MisuseError(f"unknown model {model!r}: choose one of {', '.join(MODELS)}")
    chosen = MODELS[model]
    for refused, message in _refusals(chosen, layer, pooling, dense):
        if refused:
            raise MisuseError(message)
    if not 0 <= seed < 2**32:  # the range of NumPy's seed, which keras.utils.set_random_seed sets too
        raise MisuseError(f"the seed is {seed}: it must be from 0 to {2**32 - 1}")
    if dense:
        layer = "flatten"
    if chosen.pooled and layer is None:
        pooling = pooling or "avg"
    height, width = size = size or chosen.default_size
    least = chosen.minimum_side
    if min(size) < least:
        raise MisuseError(f"--size {height}x{width} is too small for {model}: at least {least}x{least}")
    if layer == "fc2" and size != FULL_SIZE:
        raise MisuseError(f"--layer fc2 takes images of 224x224 only, not --size {height}x{width}")
    return Request(
        model=chosen,
        weights=_checked_weights(chosen, weights),
        layer=layer,
        pooling=cast(Pooling | None, pooling),
        dense=tuple(dense),
        size=size,
        seed=seed,
    )


def _refusals(
    model: Model, layer: str | None, pooling: str | None, dense: Sequence[int]
) -> Iterator[tuple[bool, str]]:
    """Yield whether the options cannot be had together, and why; the first reason that holds is told."""
    layered = "; ".join(f"{one.name} ({', '.join(one.layers)})" for one in MODELS.values() if one.layers)
    densely = ", ".join(one.name for one in MODELS.values() if one.takes_dense)
    foreign_layer = layer is not None and layer not in model.layers
    no_such = f"{model.name} has no --layer {layer}: choose {' or '.join(model.layers)}"
    yield foreign_layer and bool(model.layers), no_such
    yield foreign_layer, f"--layer is not for {model.name}: only {layered} has layers to choose from"
    if dense:
        yield not model.takes_dense, f"--dense is not for {model.name}: only {densely} takes dense layers"
        apart = f"--dense does not go with --layer {layer}: dense layers stand on flatten"
        yield layer not in (None, "flatten"), apart
        yield min(dense) < 1, f"--dense {','.join(map(str, dense))}: every layer needs at least 1 unit"
    if pooling is not None:
        unknown = f"unknown --pooling {pooling!r}: choose {' or '.join(get_args(Pooling))}"
        yield pooling not in get_args(Pooling), unknown
        yield not model.pooled, f"--pooling is not for {model.name}, which keeps every pixel"
        other = "--dense" if dense else f"--layer {layer}"
        both = f"--pooling does not go with {other}: choose one of the two"
        yield bool(dense) or layer is not None, both


def _checked_weights(model: Model, weights: str | None) -> Literal["random"] | Path | None:
    if weights is None:
        return None
    if model.weights_suffix is None:
        raise MisuseError(f"--weights is not for {model.name}, which has none")
    if weights == "random":
        return "random"
    path = Path(weights)
    if path.suffix != model.weights_suffix:
        raise MisuseError(
            f"--weights {weights}: {model.name} takes a {model.weights_suffix} file, or the word random"
        )
    if not path.is_file():
        raise MisuseError(f"--weights {weights}: there is no such file")
    return path
