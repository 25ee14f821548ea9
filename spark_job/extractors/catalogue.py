"""The models an extractor can be made from, and how an image enters each of them."""

from dataclasses import dataclass
from typing import Literal

KERAS_LICENSES = {
    # Keras gives each model's licence in its documentation: https://keras.io/api/applications/
    "mobilenet_v2": "Apache-2.0",
    "vgg16": "CC-BY-4.0",
    "resnet50": "MIT",
}


@dataclass(frozen=True)
class Model:
    """One model: its input as Keras' `preprocess_input` makes it, and the options it takes.

    Attributes:
        constructor: its name in `keras.applications`; None for a network of our own.
        weights_file: the file without classifier that Keras keeps in its cache.
        full_weights_file: the file with classifier, where a layer needs it.
        layers: layers that can be asked for instead of pooling.
    """

    name: str
    channel_order: Literal["RGB", "BGR"]
    pixel_mean: tuple[float, float, float]
    pixel_scale: tuple[float, float, float]
    default_size: tuple[int, int] = (224, 224)
    minimum_side: int = 32
    constructor: str | None = None
    weights_file: str | None = None
    full_weights_file: str | None = None
    weights_suffix: str | None = None
    layers: tuple[str, ...] = ()
    pooled: bool = True
    takes_dense: bool = False


# mode "caffe" of keras.applications.imagenet_utils.preprocess_input: BGR, means of ImageNet in that order.
_CAFFE_MEAN = (103.939, 116.779, 123.68)
_ONE = (1.0, 1.0, 1.0)

_MODELS = (
    Model(
        "mobilenet_v2",
        "RGB",
        (127.5, 127.5, 127.5),  # mode "tf" of preprocess_input: -1..1
        (127.5, 127.5, 127.5),
        constructor="MobileNetV2",
        weights_file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        weights_suffix=".h5",
    ),
    Model(
        "vgg16",
        "BGR",
        _CAFFE_MEAN,
        _ONE,
        constructor="VGG16",
        weights_file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        full_weights_file="vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        weights_suffix=".h5",
        layers=("fc2", "flatten"),
        takes_dense=True,
    ),
    Model(
        "resnet50",
        "BGR",
        _CAFFE_MEAN,
        _ONE,
        constructor="ResNet50",
        weights_file="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_suffix=".h5",
    ),
    # https://github.com/tensorflow/tpu/blob/master/models/official/efficientnet/lite/efficientnet_lite_builder.py
    Model(
        "efficientnet_lite0",
        "RGB",
        (127.0, 127.0, 127.0),
        (128.0, 128.0, 128.0),
        weights_suffix=".pth",
    ),
    Model(
        "raw_pixels",
        "RGB",
        (0.0, 0.0, 0.0),
        (255.0, 255.0, 255.0),
        default_size=(100, 100),
        minimum_side=1,
        pooled=False,
    ),
)

MODELS: dict[str, Model] = {model.name: model for model in _MODELS}
