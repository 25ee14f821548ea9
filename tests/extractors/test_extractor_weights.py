"""Networks and their weights: what is loaded, and what is said about it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from spark_job.errors import ExtractorError
from spark_job.extractors import build
from spark_job.extractors.build import make_network, sha256_of
from spark_job.extractors.frameworks import import_keras
from spark_job.extractors.request import MODELS, check_request


@pytest.fixture(scope="module")
def mobilenet_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A weights file of the right shape that is not the official one."""
    network = import_keras().applications.MobileNetV2(weights=None, include_top=False)
    path = tmp_path_factory.mktemp("weights") / "mine.h5"
    network.save(path)
    yield path
    path.unlink()


def test_a_file_in_keras_cache_is_taken_as_it_is(
    mobilenet_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No hash of the official file is asked of it, and nothing is downloaded."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(build, "_download", lambda request: pytest.fail("downloads"))
    request = check_request("mobilenet_v2", size=(64, 64))
    (tmp_path / "models").mkdir()
    shutil.copy(mobilenet_file, tmp_path / "models" / str(request.weights_file))
    network, weights = make_network(request)
    assert (weights.name, weights.sha256) == ("imagenet", sha256_of(mobilenet_file))
    assert weights.source == f"Keras Applications, {request.weights_file}"
    assert network.output_shape == (None, 1280)


def test_a_file_of_ones_own_is_not_called_imagenet(mobilenet_file: Path) -> None:
    """Nobody knows what it was trained on."""
    request = check_request("mobilenet_v2", weights=str(mobilenet_file), size=(64, 64))
    network, weights = make_network(request)
    assert (weights.name, weights.license) == ("file", "unknown")
    assert (weights.source, weights.sha256) == ("mine.h5, given with --weights", sha256_of(mobilenet_file))
    reference = import_keras().saving.load_model(mobilenet_file)
    for ours, theirs in zip(network.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("model", ["vgg16", "resnet50"])
def test_a_file_of_another_network_is_refused(model: str, mobilenet_file: Path) -> None:
    """The message names the file, the model, and the file that it needs."""
    with pytest.raises(ExtractorError) as caught:
        make_network(check_request(model, weights=str(mobilenet_file), size=(32, 32)))
    assert str(caught.value).startswith(
        f"{mobilenet_file} does not hold the weights of {model} that this extractor needs "
        f"(the file which Keras calls {MODELS[model].weights_file}): "
    )


def test_a_file_that_is_no_weights_file_is_refused(tmp_path: Path) -> None:
    """Whatever is behind the name."""
    path = tmp_path / "text.h5"
    path.write_text("not HDF5")
    with pytest.raises(ExtractorError, match=r"text\.h5 does not hold the weights of vgg16 that"):
        make_network(check_request("vgg16", weights=str(path), size=(32, 32)))


def test_the_classic_setup_has_27_822_912_parameters() -> None:
    """VGG16's convolutions, flatten, and two dense ReLU layers of 512 units."""
    network, weights = make_network(check_request("vgg16", dense=(512, 512), weights="random"))
    assert network.count_params() == 27_822_912 == 14_714_688 + 25_088 * 512 + 512 + 512 * 512 + 512
    assert network.output_shape == (None, 512)
    assert [layer.activation.__name__ for layer in network.layers[-2:]] == ["relu", "relu"]
    assert (weights.name, weights.random_seed) == ("random", 0)


def test_flatten_keeps_all_25_088_numbers_of_the_last_block() -> None:
    """7 x 7 x 512."""
    network, _ = make_network(check_request("vgg16", layer="flatten", weights="random"))
    assert network.output_shape == (None, 25_088)


def test_random_dense_layers_on_real_weights_are_said_to_be_random(
    tmp_path: Path,
) -> None:
    """`weights` names the seed and says that these layers were not trained; the seed decides them."""
    file = str(MODELS["vgg16"].weights_file)
    import_keras().applications.VGG16(weights=None, include_top=False).save(tmp_path / file)  # 59 MB
    networks = {}
    for seed in (0, 0, 5):
        request = check_request("vgg16", dense=(8, 4), weights=str(tmp_path / file), size=(32, 32), seed=seed)
        network, weights = make_network(request)
        kernel = network.layers[-1].get_weights()[0]
        np.testing.assert_array_equal(networks.setdefault(seed, kernel), kernel)
    (tmp_path / file).unlink()
    assert not np.array_equal(networks[0], networks[5])
    assert (weights.name, weights.license, weights.random_seed) == ("imagenet", "CC-BY-4.0", 5)
    assert weights.source == (
        f"Keras Applications, {file}; the dense layers 8,4 are random numbers, seed 5: not trained"
    )
