"""The extractor's zip: made by the job's command, for one engine, the same bytes each time."""

import hashlib
import json
import shutil
from typing import get_args
from zipfile import ZipFile

import pytest

from infra.artifacts.extractor import ExtractorRequest, build_extractor, extractor_inputs, pack_extractor
from infra.artifacts.packing import hash_of
from infra.checkout import ROOT
from infra.config.field_types import Model
from infra.errors import InfraError
from spark_job.extractors.request import MODELS


def inputs(root=ROOT, *, model="mobilenet_v2", engine="openvino", weights=None) -> str:
    return hash_of(extractor_inputs(root, ExtractorRequest(model, engine, weights)))


def test_models_are_those_of_the_job():
    """Neither package imports the other; this holds them together."""
    assert set(get_args(Model)) == set(MODELS)


@pytest.mark.tensorflow
def test_the_jobs_command_builds_what_a_node_needs(tmp_path):
    """The smallest network, converted; that two builds agree, the extractors' own tests show."""
    build_extractor(ROOT, ExtractorRequest("raw_pixels", "openvino", None), tmp_path / "a.zip")
    with ZipFile(tmp_path / "a.zip") as archive:
        described = json.loads(archive.read("extractor.json"))
        assert sorted(archive.namelist()) == ["SHA256SUMS", "extractor.json", "network.bin", "network.xml"]
        network = hashlib.sha256(archive.read("network.bin")).hexdigest()
    assert (described["model"], described["feature_length"]) == ("raw_pixels", 30_000)
    assert described["files"]["network.bin"] == network


def test_packed_twice_it_has_the_same_bytes(tmp_path, tiny_extractor):
    """Whenever its files were written."""
    request = ExtractorRequest("tiny", "openvino", None)
    pack_extractor(tiny_extractor, request, tmp_path / "a.zip")
    shutil.copytree(tiny_extractor, tmp_path / "copy", copy_function=shutil.copyfile)
    pack_extractor(tmp_path / "copy", request, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_only_the_files_of_the_engine_travel(tmp_path, tiny_extractor):
    """The Keras archive stays at home with OpenVINO; without it there is no extractor for TensorFlow."""
    shutil.copytree(tiny_extractor, tmp_path / "extractor")
    (tmp_path / "extractor/network.keras").write_bytes(b"keras")
    pack_extractor(
        tmp_path / "extractor", ExtractorRequest("tiny", "openvino", None), tmp_path / "openvino.zip"
    )
    assert "network.keras" not in ZipFile(tmp_path / "openvino.zip").namelist()
    with pytest.raises(InfraError, match=r"the extractor tiny has no network\.keras"):
        pack_extractor(tiny_extractor, ExtractorRequest("tiny", "tensorflow", None), tmp_path / "a.zip")


@pytest.mark.tensorflow
def test_a_failure_gives_the_jobs_own_reason(tmp_path):
    """One line: the job's last word."""
    missing = str(tmp_path / "missing.h5")
    with pytest.raises(InfraError, match=r"^the extractor cannot be built: .*missing\.h5") as error:
        build_extractor(ROOT, ExtractorRequest("mobilenet_v2", "openvino", missing), tmp_path / "a.zip")
    assert "\n" not in str(error.value)


def test_what_makes_another_network_makes_another_hash(tmp_path):
    """Model, engine and the bytes of the weights count; the name of the weights' file does not."""
    (tmp_path / "one.h5").write_bytes(b"1")
    (tmp_path / "same.h5").write_bytes(b"1")
    (tmp_path / "other.h5").write_bytes(b"2")
    hashes = [
        inputs(),
        inputs(model="resnet50"),
        inputs(engine="tensorflow"),
        inputs(weights="random"),
        inputs(weights=str(tmp_path / "one.h5")),
        inputs(weights=str(tmp_path / "other.h5")),
    ]
    assert len(set(hashes)) == len(hashes)
    assert inputs(weights=str(tmp_path / "same.h5")) == inputs(weights=str(tmp_path / "one.h5"))


def test_the_code_and_the_packages_that_make_it_count(tmp_path):
    """A new version of the builder is a new extractor; a change elsewhere in the job is not."""
    shutil.copytree(ROOT / "spark_job", tmp_path / "spark_job")
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    before = inputs(tmp_path)
    (tmp_path / "spark_job/report/page.py").write_text("")
    assert inputs(tmp_path) == before
    (tmp_path / "spark_job/extractors/build.py").write_text("")
    after = inputs(tmp_path)
    assert after != before
    pins = (tmp_path / "requirements.txt").read_text().replace("\nkeras==", "\nkeras==9")
    (tmp_path / "requirements.txt").write_text(pins)
    assert inputs(tmp_path) != after


def test_weights_that_cannot_be_read_are_named(tmp_path):
    """Field, value and the system's reason."""
    with pytest.raises(InfraError, match=r"^weights=.*missing\.h5 cannot be read: No such file"):
        inputs(weights=str(tmp_path / "missing.h5"))
