"""The Keras model: loaded by plain TensorFlow, with the pipeline's own answers on real photographs."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from spark_job.analyses.classifier import Description, Head, SavedClassifier
from spark_job.analyses.keras_export import export_keras
from spark_job.contract.errors import MisuseError
from spark_job.contract.extractor_files import ENGINE_FILES
from spark_job.errors import ExtractorError
from spark_job.extractors.build import build_extractor
from spark_job.extractors.request import MODELS
from spark_job.extractors.specification import Extractor
from spark_job.features.extraction import load_engine
from spark_job.images.preparation import prepare
from spark_job.storage import Folder

FRUIT = Path(__file__).resolve().parents[3] / "shared" / "data"
# Loads and asks a model in a process that knows nothing of this project.
PLAIN = """
import sys, numpy as np, tensorflow as tf
assert not any("spark_job" in name for name in sys.modules)
model, given, found = tf.keras.models.load_model(sys.argv[1]), np.load(sys.argv[2]), sys.argv[3]
np.savez(found, **{name: model(given[name][None]).numpy()[0] for name in given.files})
"""


def classifier(head: Head) -> SavedClassifier:
    """Give a head what a trained one comes with; the model of Keras does without its limits."""
    novelty: Any = None
    classes = tuple(f"class {number}" for number in range(head.intercepts.size))
    return SavedClassifier(Description("features", classes, len(head.coefficients), "", ""), head, novelty)


CLASSIFIER = classifier(Head(np.ones((2, 12)), np.ones(2)))
# Those of both orders of channels are large; the notebook's test exports one of them as well.
NETWORKS = [
    "raw_pixels",
    pytest.param("vgg16", marks=pytest.mark.long),
    pytest.param("efficientnet_lite0", marks=pytest.mark.long),
]


def photographs() -> dict[str, np.ndarray]:
    """Larger than the network's input, smaller, and both at once."""
    china, flower = load_sample_images().images
    found = {"large": china, "small": flower[100:190, 200:280], "wide": china[200:240, :500]}
    for path in sorted(FRUIT.glob("fruits360*/Test/*/*.jpg"))[::1500]:
        found[path.parent.name + path.stem] = np.asarray(Image.open(path).convert("RGB"))
    return {name: np.ascontiguousarray(pixels) for name, pixels in found.items()}


@pytest.fixture(scope="module", params=NETWORKS)
def extractor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Extractor:
    """One of each order of channels, small, with random weights; the first one scales as VGG16 does."""
    folder, model = tmp_path_factory.mktemp("extractor") / request.param, request.param
    if model == "raw_pixels":
        built = build_extractor(model, folder, size=(12, 16))
        of_vgg16 = MODELS["vgg16"]
        (folder / "extractor.json").write_text(
            replace(
                built,
                channel_order=of_vgg16.channel_order,
                pixel_mean=of_vgg16.pixel_mean,
                pixel_scale=of_vgg16.pixel_scale,
            ).to_json()
        )
    else:
        build_extractor(model, folder, weights="random", size=(96, 128))
    return Extractor.open(Folder(str(folder)))


def test_probabilities_are_those_of_the_pipeline(extractor: Extractor, tmp_path: Path) -> None:
    """Decoded photographs of any size go in; resizing and scaling are part of the model."""
    random, images = np.random.default_rng(1), photographs()
    features = features_of(extractor, images, tmp_path)
    spread = np.stack(list(features.values())).std(axis=0)
    coefficients = random.normal(size=(6, spread.size)) / np.maximum(spread, 1e-3) / np.sqrt(spread.size)
    middle = np.mean(list(features.values()), axis=0)
    head = Head(coefficients, -coefficients @ middle)
    export_keras(classifier(head), extractor, tmp_path / "model.keras")
    np.savez(tmp_path / "images.npz", allow_pickle=True, **images)
    arguments = [tmp_path / "model.keras", tmp_path / "images.npz", tmp_path / "found.npz"]
    subprocess.run([sys.executable, "-c", PLAIN, *map(str, arguments)], check=True, cwd=tmp_path, timeout=120)
    with np.load(tmp_path / "found.npz") as found:
        for name, vector in features.items():
            expected = head.probabilities(vector[None])[0]
            assert expected.max() < 0.999, "a case that decides nothing"
            np.testing.assert_allclose(found[name], expected, atol=5e-3, err_msg=name)


def features_of(extractor: Extractor, images: dict[str, np.ndarray], scratch: Path) -> dict[str, np.ndarray]:
    specification = extractor.specification
    files = {name: extractor.fetch(name, scratch) for name in ENGINE_FILES["openvino"]}
    engine = load_engine(files, specification, "openvino", "f32")
    tensor = np.empty((specification.height, specification.width, 3), np.float32)
    found = {}
    for name, pixels in images.items():
        prepare(pixels, specification, tensor)
        found[name] = engine.features(tensor[None])[0]
    return found


def test_an_export_ends_with_what_goes_in_and_what_comes_out(extractor: Extractor, tmp_path: Path) -> None:
    """The whole answer, as a person sees it; of many classes the first."""
    length, out = extractor.specification.feature_length, tmp_path / "fruit.keras"
    assert export_keras(classifier(Head(np.ones((6, length)), np.ones(6))), extractor, out).as_text() == (
        f"model     {out}\n"
        "input     RGB, 0 to 255, (images, height, width, 3), of any size\n"
        "output    6 probabilities for each image\n"
        "classes   class 0, class 1, class 2, class 3, class 4, …, in this order\n"
        f"next      keras.saving.load_model('{out}')"
    )


def test_a_file_that_is_there_is_kept(tiny_extractor: Path, tmp_path: Path) -> None:
    """Nothing is overwritten."""
    (tmp_path / "model.keras").write_text("mine")
    with pytest.raises(MisuseError, match="is there already"):
        export_keras(CLASSIFIER, Extractor.open(Folder(str(tiny_extractor))), tmp_path / "model.keras")
    assert (tmp_path / "model.keras").read_text() == "mine"


def test_another_ending_is_refused(tiny_extractor: Path, tmp_path: Path) -> None:
    """Keras goes by it."""
    with pytest.raises(MisuseError, match=r"end in \.keras"):
        export_keras(CLASSIFIER, Extractor.open(Folder(str(tiny_extractor))), tmp_path / "m.h5")


def test_an_extractor_without_keras_is_an_error(tiny_extractor: Path, tmp_path: Path) -> None:
    """One that has only the cluster's files; the message says what to do."""
    with pytest.raises(ExtractorError, match="build the extractor again"):
        export_keras(CLASSIFIER, Extractor.open(Folder(str(tiny_extractor))), tmp_path / "m.keras")
