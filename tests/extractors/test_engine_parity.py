"""Both engines give what Keras gives."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spark_job.contract.extractor_files import ENGINES
from spark_job.extractors.build import build_extractor
from spark_job.extractors.frameworks import import_keras
from spark_job.extractors.request import check_request
from spark_job.extractors.specification import ExtractorSpecification
from tests.extractors.networks import MOBILENET_WEIGHTS, Built, keep_networks

Prepare = Callable[[list[np.ndarray], ExtractorSpecification], np.ndarray]

# Where VGG16 allows it the image is small: the layers are the same and the test takes seconds.
SMALL = {"weights": "random", "size": (64, 64)}
EXTRACTORS: dict[str, tuple[dict[str, Any], int]] = {
    "mobilenet_v2": ({"model": "mobilenet_v2", "weights": "random"}, 1280),
    "vgg16": ({"model": "vgg16", **SMALL}, 512),
    "vgg16 max": ({"model": "vgg16", "pooling": "max", **SMALL}, 512),
    "vgg16 flatten": ({"model": "vgg16", "layer": "flatten", **SMALL}, 2 * 2 * 512),
    "vgg16 dense": ({"model": "vgg16", "dense": (512, 512), **SMALL}, 512),
    "vgg16 fc2": ({"model": "vgg16", "layer": "fc2", "weights": "random"}, 4096),
    "resnet50": ({"model": "resnet50", "weights": "random", "size": (96, 64)}, 2048),
    "efficientnet_lite0 max": ({"model": "efficientnet_lite0", "pooling": "max"}, 1280),
    "raw_pixels": ({"model": "raw_pixels"}, 100 * 100 * 3),
    "raw_pixels 224x224": ({"model": "raw_pixels", "size": (224, 224)}, 224 * 224 * 3),
}


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Built]]:
    """Builds an extractor; the folder goes with the test, for VGG16's are large."""
    yield lambda **options: Built(tmp_path / "x", build_extractor(**options, out=tmp_path / "x"))
    shutil.rmtree(tmp_path / "x", ignore_errors=True)


def assert_same(ours: np.ndarray, reference: np.ndarray) -> None:
    assert ours.dtype == np.float32
    assert ours.shape == reference.shape
    assert np.abs(ours - reference).max() <= 1e-3 * np.abs(reference).max()
    a, b = ours.astype(np.float64), reference.astype(np.float64)
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine.min() >= 0.99999


# What they share with the others is tested with those: the network, the pooling, or large layers.
# MobileNetV2 is tested below with ImageNet weights, where they are there, EfficientNet-Lite0 by itself.
LONG = {
    "mobilenet_v2" if MOBILENET_WEIGHTS.is_file() else "",
    "vgg16 fc2",
    "vgg16 max",
    "vgg16 flatten",
    "resnet50",
    "efficientnet_lite0 max",
    "raw_pixels 224x224",
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if name in LONG else ()) for name in EXTRACTORS]
)
def test_every_extractor_gives_what_keras_predicts(
    name: str,
    build: Callable[..., Built],
    photographs: list[np.ndarray],
    prepare: Prepare,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The saved network, on both engines, against the Keras network before it was saved."""
    options, length = EXTRACTORS[name]
    networks = keep_networks(monkeypatch)
    built = build(**options)
    assert_gives_what_keras_predicts(built, networks[0], length, prepare(photographs, built.specification))


def test_efficientnet_lite0_gives_what_keras_predicts(
    lite0: tuple[Built, Any], photographs: list[np.ndarray], prepare: Prepare
) -> None:
    """The network that a laptop uses unless it is told another one."""
    built, network = lite0
    assert_gives_what_keras_predicts(built, network, 1280, prepare(photographs, built.specification))


def assert_gives_what_keras_predicts(built: Built, network: Any, length: int, images: np.ndarray) -> None:
    reference = network.predict(images, verbose=0)
    assert built.specification.feature_length == length == reference.shape[1]
    assert np.ptp(reference, axis=0).max() > 0  # the photographs differ
    for engine in ENGINES:
        assert_same(built.engine(engine).features(images), reference)


@pytest.mark.parametrize("pooling", ["avg", pytest.param("max", marks=pytest.mark.long)])
def test_mobilenet_with_imagenet_weights_gives_what_keras_applications_gives(
    pooling: str,
    mobilenet_weights: Path,
    build: Callable[..., Built],
    photographs: list[np.ndarray],
    prepare: Prepare,
) -> None:
    """The whole way by Keras alone, from its own constructor and `preprocess_input`, is the reference."""
    built = build(model="mobilenet_v2", weights=str(mobilenet_weights), pooling=pooling)
    application = import_keras().applications.mobilenet_v2
    network = application.MobileNetV2(
        weights=str(mobilenet_weights), include_top=False, input_shape=(224, 224, 3), pooling=pooling
    )
    images = prepare(photographs, built.specification)
    pixels = images * np.float32(127.5) + np.float32(127.5)
    reference = network.predict(application.preprocess_input(pixels), verbose=0)
    for engine in ENGINES:
        assert_same(built.engine(engine).features(images), reference)


@pytest.mark.parametrize("model", ["mobilenet_v2", "vgg16", "resnet50"])
def test_an_image_enters_as_keras_preprocess_input_makes_it(
    model: str, photographs: list[np.ndarray]
) -> None:
    """Channel order, mean and scale of the catalogue, in that order of channels."""
    described = check_request(model).model
    pixels = photographs[0].astype(np.float32)
    expected = getattr(import_keras().applications, model).preprocess_input(pixels.copy())
    ordered = pixels[..., ::-1] if described.channel_order == "BGR" else pixels
    ours = (ordered - np.array(described.pixel_mean, np.float32)) / np.array(
        described.pixel_scale, np.float32
    )
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_raw_pixels_are_the_pixels_from_0_to_1(build: Callable[..., Built], prepare: Prepare) -> None:
    """Row by row, red green blue, each divided by 255, exactly."""
    built = build(model="raw_pixels", size=(4, 5))
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3) * 4
    for engine in ENGINES:
        features = built.engine(engine).features(prepare([pixels], built.specification))
        np.testing.assert_array_equal(features, pixels.reshape(1, 60) / np.float32(255))


def test_bf16_stays_close_to_f32(
    lite0: tuple[Built, Any], photographs: list[np.ndarray], prepare: Prepare
) -> None:
    """Eight bits of mantissa: the features of a photograph still point the same way."""
    built, _ = lite0
    images = prepare(photographs, built.specification)
    exact, rounded = (built.engine("openvino", p).features(images) for p in ("f32", "bf16"))
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(rounded, axis=1)
    assert ((exact * rounded).sum(1) / norms).min() > 0.99
