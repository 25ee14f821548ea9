"""Both engines give what Keras gives."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spark_job.errors import ExtractorError, MisuseError
from spark_job.extractors.build import build_extractor
from spark_job.extractors.frameworks import import_keras
from spark_job.extractors.models import make_network
from spark_job.extractors.request import check_request
from spark_job.extractors.specification import ENGINE_FILES, ExtractorSpecification
from spark_job.features.engines import ENGINES, load_engine

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
    "efficientnet_lite0": ({"model": "efficientnet_lite0"}, 1280),
    "efficientnet_lite0 max": ({"model": "efficientnet_lite0", "pooling": "max"}, 1280),
    "raw_pixels": ({"model": "raw_pixels"}, 100 * 100 * 3),
    "raw_pixels 224x224": ({"model": "raw_pixels", "size": (224, 224)}, 224 * 224 * 3),
}


@dataclass
class Built:
    folder: Path
    specification: ExtractorSpecification
    options: dict[str, Any] = field(default_factory=dict)

    def engine(self, name: str, precision: str = "f32") -> Any:
        files = {file: self.folder / file for file in ENGINE_FILES[name]}
        return load_engine(files, self.specification, name, precision)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Built]]:
    """Builds an extractor; the folder goes with the test, for VGG16's are large."""
    yield lambda **options: Built(tmp_path / "x", build_extractor(**options, out=tmp_path / "x"), options)
    shutil.rmtree(tmp_path / "x", ignore_errors=True)


def assert_same(ours: np.ndarray, reference: np.ndarray) -> None:
    assert (ours.dtype, ours.shape) == (np.float32, reference.shape)
    assert np.abs(ours - reference).max() <= 1e-3 * np.abs(reference).max()
    a, b = ours.astype(np.float64), reference.astype(np.float64)
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine.min() >= 0.99999


@pytest.mark.parametrize("name", EXTRACTORS)
def test_every_extractor_gives_what_keras_predicts(
    name: str, build: Callable[..., Built], photographs: list[np.ndarray], prepare: Prepare
) -> None:
    """The saved network, on both engines, against the Keras network before it was saved."""
    options, length = EXTRACTORS[name]
    built = build(**options)
    images = prepare(photographs, built.specification)
    reference = make_network(check_request(**options))[0].predict(images, verbose=0)
    assert built.specification.feature_length == length == reference.shape[1]
    assert np.ptp(reference, axis=0).max() > 0  # the photographs differ
    for engine in ENGINES:
        assert_same(built.engine(engine).features(images), reference)


@pytest.mark.parametrize("pooling", ["avg", "max"])
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
    ours = (ordered - np.float32(described.pixel_mean)) / np.float32(described.pixel_scale)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_raw_pixels_are_the_pixels_from_0_to_1(build: Callable[..., Built], prepare: Prepare) -> None:
    """Row by row, red green blue, each divided by 255, exactly."""
    built = build(model="raw_pixels", size=(4, 5))
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3) * 4
    for engine in ENGINES:
        features = built.engine(engine).features(prepare([pixels], built.specification))
        np.testing.assert_array_equal(features, pixels.reshape(1, 60) / np.float32(255))


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("raw") / "x"
    return Built(folder, build_extractor("raw_pixels", folder, size=(4, 4)))


@pytest.mark.parametrize("engine", ENGINES)
def test_features_are_fresh_and_images_may_be_read_only(engine: str, raw: Built) -> None:
    """A second call leaves the first one's result alone, and no images give no rows."""
    loaded = raw.engine(engine)
    images = np.random.default_rng(0).random((3, 4, 4, 3), dtype=np.float32)
    images.flags.writeable = False
    first = loaded.features(images)
    second = loaded.features(images[::-1])
    np.testing.assert_array_equal(first, images.reshape(3, 48))
    np.testing.assert_array_equal(second, images[::-1].reshape(3, 48))
    assert loaded.features(images[:0]).shape == (0, 48)


@pytest.mark.parametrize("engine", ENGINES)
def test_files_may_have_other_names(engine: str, raw: Built, tmp_path: Path) -> None:
    """A node keeps them under their hash."""
    files = {name: tmp_path / f"0123-{name}" for name in ENGINE_FILES[engine]}
    for name, path in files.items():
        shutil.copy(raw.folder / name, path)
    loaded = load_engine(files, raw.specification, engine, "f32")
    assert loaded.features(np.zeros((1, 4, 4, 3), np.float32)).shape == (1, 48)


@pytest.mark.parametrize(
    ("engine", "precision", "message"),
    [
        ("onnx", "f32", "unknown engine 'onnx': choose openvino or tensorflow"),
        ("openvino", "f16", "unknown precision 'f16': choose f32 or bf16"),
        ("tensorflow", "bf16", "the tensorflow engine computes in f32 only, not bf16: use openvino"),
    ],
)
def test_an_unknown_engine_or_precision_is_a_misuse(
    engine: str, precision: str, message: str, raw: Built
) -> None:
    """One line that says what is allowed."""
    with pytest.raises(MisuseError) as caught:
        load_engine({}, raw.specification, engine, precision)
    assert str(caught.value) == message


@pytest.mark.parametrize("engine", ENGINES)
def test_missing_and_damaged_networks_are_errors(engine: str, raw: Built, tmp_path: Path) -> None:
    """The message names the engine and the file."""
    names = ", ".join(ENGINE_FILES[engine])
    with pytest.raises(ExtractorError) as caught:
        load_engine({}, raw.specification, engine, "f32")
    assert str(caught.value) == f"the extractor has no {names}, which {engine} needs: build it again"
    files = {name: tmp_path / name for name in ENGINE_FILES[engine]}
    for path in files.values():
        path.write_bytes(b"damaged")
    with pytest.raises(ExtractorError, match=f"^{engine} cannot load {ENGINE_FILES[engine][0]}: "):
        load_engine(files, raw.specification, engine, "f32")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_is_not_installed_is_named(
    engine: str, raw: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says which package to install."""
    monkeypatch.setitem(sys.modules, engine, None)
    with pytest.raises(ExtractorError, match=f"^{engine} cannot be imported .*: pip install {engine}$"):
        raw.engine(engine)


def test_bf16_stays_close_to_f32(
    build: Callable[..., Built], photographs: list[np.ndarray], prepare: Prepare
) -> None:
    """Eight bits of mantissa: the features of a photograph still point the same way."""
    built = build(model="efficientnet_lite0")
    images = prepare(photographs, built.specification)
    exact, rounded = (built.engine("openvino", p).features(images) for p in ("f32", "bf16"))
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(rounded, axis=1)
    assert ((exact * rounded).sum(1) / norms).min() > 0.99
