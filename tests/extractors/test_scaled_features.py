"""Features of photographs that were decoded at a scale are those of full decoding (docs/decisions/0006)."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg

from spark_job.contract.extractor_files import ENGINE_FILES, SPECIFICATION
from spark_job.contract.run_options import ImageLimits
from spark_job.extractors.build import build_extractor
from spark_job.extractors.specification import ExtractorSpecification
from spark_job.features.extraction import Engine, load_engine
from spark_job.images.decoding import decode_picture
from spark_job.images.picture import OVERSAMPLING
from spark_job.images.preparation import prepare

PHOTOGRAPHS = Path(__file__).parents[3] / "shared/data/fruits360-original-size/Test"
NEIGHBOURS = 10


class Network:
    """An extractor's network on this machine."""

    def __init__(self, folder: Path) -> None:
        self.specification = ExtractorSpecification.from_json(
            (folder / SPECIFICATION).read_bytes(), str(folder)
        )
        files = {name: folder / name for name in ENGINE_FILES["openvino"]}
        self.engine: Engine = load_engine(files, self.specification, "openvino", "f32")

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """Return (feature_length,) float32 of (h, w, 3) pixels, uint8 or float32."""
        tensor = np.empty((1, self.specification.height, self.specification.width, 3), np.float32)
        prepare(pixels, self.specification, tensor[0])
        return self.engine.features(tensor)[0]


def enlarged(photographs: list[Path], number: int, side: int) -> bytes:
    """One photograph alone, or 36 of them side by side with all of their detail, compressed as 4:2:0."""
    if number % 2 == 0:
        pixels = cv2.imread(str(photographs[number]))
        pixels = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_CUBIC)
    else:
        chosen = np.random.default_rng(number).choice(len(photographs), 36)
        tiles = [cv2.resize(cv2.imread(str(photographs[one])), (side // 6, side // 6)) for one in chosen]
        pixels = np.vstack([np.hstack(tiles[row : row + 6]) for row in range(0, 36, 6)])
    pixels = np.ascontiguousarray(pixels[..., ::-1])
    return simplejpeg.encode_jpeg(pixels, quality=90, colorspace="RGB", colorsubsampling="420")


def likeness(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return the median cosine of (n, d) features after centring, and how many neighbours they share."""
    one, other = (features - one.mean(axis=0) for features in (one, other))
    one, other = (features / np.linalg.norm(features, axis=1, keepdims=True) for features in (one, other))
    nearest = []
    for features in (one, other):
        cosines = features @ features.T
        np.fill_diagonal(cosines, -1)
        nearest.append(np.argsort(-cosines, axis=1)[:, :NEIGHBOURS])
    shared = [len(np.intersect1d(a, b)) for a, b in zip(*nearest, strict=True)]
    return float(np.median((one * other).sum(axis=1))), float(np.mean(shared)) / NEIGHBOURS


def compared(
    network: Network, contents: list[bytes], needed: tuple[int, int]
) -> dict[str, tuple[float, float]]:
    """Return the likeness of full decoding to scaled, and to full decoding whose pixels stay floats."""
    size = (network.specification.width, network.specification.height)
    rounded, exact, scaled = [], [], []
    for content in contents:
        whole = decode_picture(content, ImageLimits()).pixels
        rounded.append(network.features(whole))
        exact.append(
            network.features(cv2.resize(whole.astype(np.float32), size, interpolation=cv2.INTER_AREA))
        )
        picture = decode_picture(content, ImageLimits(), needed).pixels
        assert picture.size < whole.size
        scaled.append(network.features(picture))
    whole = np.stack(rounded)
    return {"scaled": likeness(whole, np.stack(scaled)), "rounding": likeness(whole, np.stack(exact))}


@pytest.mark.long
@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="needs the photographs of ../shared/data")
def test_scaled_decoding_gives_the_features_of_full_decoding(tmp_path):
    """At the smallest scale that is used, no worse than what rounding the resized pixels does."""
    build_extractor("efficientnet_lite0", tmp_path)
    network = Network(tmp_path)
    photographs = sorted(PHOTOGRAPHS.rglob("*.jpg"))
    side = 4 * OVERSAMPLING * network.specification.height
    contents = [enlarged(photographs, number, side) for number in range(len(photographs))]
    found = compared(network, contents, (network.specification.height, network.specification.width))
    (cosine, overlap), (rounding, most) = found["scaled"], found["rounding"]
    assert cosine >= min(0.999, rounding), found
    assert overlap >= min(0.99, most), found
