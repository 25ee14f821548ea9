"""Extractor folders: whole or absent, reproducible, honest about their weights."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spark_job.errors import ExtractorError, MisuseError
from spark_job.extractors import build, keras_weights
from spark_job.extractors.build import build_extractor
from spark_job.extractors.catalogue import MODELS
from spark_job.extractors.file_hashes import sha256_of
from spark_job.extractors.frameworks import import_keras
from spark_job.extractors.models import make_network
from spark_job.extractors.request import check_request
from spark_job.extractors.specification import ExtractorSpecification

PROJECT = Path(__file__).resolve().parents[2]


def in_fresh_process(statement: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = f"from pathlib import Path; from spark_job.extractors.build import build_extractor; {statement}"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_folder_holds_both_engines_files_and_their_hashes(tmp_path: Path) -> None:
    """`extractor.json` is what was returned, and names every file with its sha256."""
    out = tmp_path / "deep" / "raw"
    specification = build_extractor("raw_pixels", out, size=(8, 6))
    assert sorted(path.name for path in out.iterdir()) == [
        "extractor.json",
        "network.bin",
        "network.keras",
        "network.xml",
    ]
    assert ExtractorSpecification.from_json((out / "extractor.json").read_text(), "x") == specification
    assert specification.files == {
        name: sha256_of(out / name) for name in ("network.bin", "network.keras", "network.xml")
    }
    assert (specification.feature_length, specification.parameters) == (8 * 6 * 3, 0)
    assert (specification.weights.name, specification.pooling, specification.layer) == ("none", None, None)
    assert set(specification.built_with or ()) == {"keras", "tensorflow", "openvino"}
    assert out.stat().st_mode & 0o055 == 0o055


def test_a_failed_build_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half-built folder, under its own name or another."""

    def fail(*_: object) -> None:
        raise ExtractorError("no")

    monkeypatch.setattr(build, "_write_networks", fail)
    with pytest.raises(ExtractorError, match="no"):
        build_extractor("raw_pixels", tmp_path / "raw")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_never_replaced(tmp_path: Path) -> None:
    """The message says what to do; an empty folder may be filled."""
    (tmp_path / "file").touch()
    for out in (tmp_path, tmp_path / "file"):
        with pytest.raises(MisuseError) as caught:
            build_extractor("raw_pixels", out)
        assert str(caught.value) == f"{out} exists and is not an empty folder: give another --out"
    (tmp_path / "extractor.json").touch()
    with pytest.raises(MisuseError) as caught:
        build_extractor("raw_pixels", tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} already holds an extractor: delete it first or give another --out"
    )
    (tmp_path / "empty").mkdir()
    assert build_extractor("raw_pixels", tmp_path / "empty", size=(2, 2)).feature_length == 12


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """The message names it."""
    (tmp_path / "file").touch()
    with pytest.raises(ExtractorError, match="file/raw cannot be written: "):
        build_extractor("raw_pixels", tmp_path / "file" / "raw")


def test_the_same_request_gives_the_same_files(tmp_path: Path) -> None:
    """Built twice, by fresh processes with other memory addresses, an extractor has one fingerprint."""
    statement = "build_extractor('efficientnet_lite0', Path(r'{}'), size=(32, 32))"
    builds = [in_fresh_process(statement.format(tmp_path / name)) for name in "ab"]
    assert [(done.returncode, done.stdout) for done in builds] == [(0, "")] * 2, builds[0].stderr
    first, second = ((tmp_path / name / "extractor.json").read_text() for name in "ab")
    assert first == second
    assert json.loads(first)["weights"]["sha256"].startswith("57934424")  # as its file name says


def test_without_weights_and_network_the_error_names_the_way_out(tmp_path: Path) -> None:
    """It names the model, the file, where it was looked for, and the model that needs no download."""
    unreachable = "http://127.0.0.1:9"
    done = in_fresh_process(
        f"build_extractor('resnet50', Path(r'{tmp_path / 'out'}'))",
        KERAS_HOME=str(tmp_path),
        https_proxy=unreachable,
        no_proxy="",
    )
    assert done.returncode == 1
    assert done.stdout == ""
    message = done.stderr.splitlines()[-1]
    start, _, rest = message.partition(" and Keras cannot download it (URL fetch failure on ")
    assert start == (
        "spark_job.errors.ExtractorError: no ImageNet weights for resnet50: "
        f"resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5 is not in {tmp_path / 'models'}"
    )
    assert rest.endswith(
        "; put the file there, give it with --weights FILE, "
        "or use efficientnet_lite0, which needs no download"
    )
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def mobilenet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of the right shape that is not the official one."""
    network = import_keras().applications.MobileNetV2(weights=None, include_top=False)
    path = tmp_path_factory.mktemp("weights") / "mine.h5"
    network.save(path)
    return path


def test_a_file_in_keras_cache_is_taken_as_it_is(
    mobilenet_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No hash of the official file is asked of it, and nothing is downloaded."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras_weights, "_download", lambda request: pytest.fail("downloads"))
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`weights` names the seed and says that these layers were not trained; the seed decides them."""
    file = str(MODELS["vgg16"].weights_file)
    import_keras().applications.VGG16(weights=None, include_top=False).save(tmp_path / file)
    networks = {}
    for seed in (0, 0, 5):
        request = check_request("vgg16", dense=(8, 4), weights=str(tmp_path / file), size=(32, 32), seed=seed)
        network, weights = make_network(request)
        kernel = network.layers[-1].get_weights()[0]
        np.testing.assert_array_equal(networks.setdefault(seed, kernel), kernel)
    assert not np.array_equal(networks[0], networks[5])
    assert (weights.name, weights.license, weights.random_seed) == ("imagenet", "CC-BY-4.0", 5)
    assert weights.source == (
        f"Keras Applications, {file}; the dense layers 8,4 are random numbers, seed 5: not trained"
    )
