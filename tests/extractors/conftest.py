"""Photographs, and what a worker makes of them before they enter a network."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from spark_job.extractors.build import build_extractor
from spark_job.extractors.specification import ExtractorSpecification
from tests.extractors.networks import MOBILENET_WEIGHTS, Built, keep_networks


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data beside the project, which need not be there."""
    return Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture(scope="session")
def photographs(shared: Path) -> list[np.ndarray]:
    """Four photographs, (height, width, 3) uint8, RGB, of several sizes."""
    fruits = sorted((shared / "data" / "fruits360-original-size" / "Test").glob("*/r0_0*.jpg"))
    if len(fruits) >= 4:
        return [
            cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in fruits[:: len(fruits) // 4]
        ][:4]
    china, flower = load_sample_images().images
    return [china[:, :427], china[:200, 300:], flower[:, :427], flower[100:, 200:]]


@pytest.fixture(scope="session")
def prepare() -> Callable[[list[np.ndarray], ExtractorSpecification], np.ndarray]:
    """Photographs as float32 (n, height, width, 3), the way `extractor.json` says."""

    def prepared(images: list[np.ndarray], specification: ExtractorSpecification) -> np.ndarray:
        size = (specification.width, specification.height)
        pixels = np.stack([cv2.resize(image, size) for image in images]).astype(np.float32)
        if specification.channel_order == "BGR":
            pixels = pixels[..., ::-1]
        mean = np.array(specification.pixel_mean, np.float32)
        return np.ascontiguousarray((pixels - mean) / np.array(specification.pixel_scale, np.float32))

    return prepared


@pytest.fixture(scope="session")
def lite0(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Built, Any]]:
    """The network whose weights come with pip, built after another one, and as Keras has it."""
    folder = tmp_path_factory.mktemp("extractors")
    build_extractor("raw_pixels", folder / "another", size=(2, 2))
    with pytest.MonkeyPatch.context() as patch:
        networks = keep_networks(patch)
        yield Built(folder / "lite0", build_extractor("efficientnet_lite0", folder / "lite0")), networks[0]


@pytest.fixture(scope="session")
def mobilenet_weights() -> Path:
    """The ImageNet weights of MobileNetV2."""
    if not MOBILENET_WEIGHTS.is_file():
        pytest.skip("needs the MobileNetV2 weights of ../shared/weights")
    return MOBILENET_WEIGHTS
