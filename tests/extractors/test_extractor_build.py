"""Extractor folders: whole or absent, and reproducible."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.checkout import ROOT
from spark_job.contract.errors import MisuseError
from spark_job.errors import ExtractorError
from spark_job.extractors import build
from spark_job.extractors.build import build_extractor, sha256_of
from spark_job.extractors.specification import ExtractorSpecification
from tests.extractors.networks import Built


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


def test_the_same_request_gives_the_same_files(lite0: tuple[Built, Any], tmp_path: Path) -> None:
    """Built here after another, or in a fresh process, an extractor has one fingerprint."""
    code = (
        "from pathlib import Path; from spark_job.extractors.build import build_extractor; "
        f"build_extractor('efficientnet_lite0', Path({str(tmp_path / 'a')!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    first, second = ((folder / "extractor.json").read_text() for folder in (tmp_path / "a", lite0[0].folder))
    assert first == second
    assert json.loads(first)["weights"]["sha256"].startswith("57934424")  # as its file name says


def test_without_weights_and_network_the_error_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It names the model, the file, where it was looked for, and the model that needs no download."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(ExtractorError) as caught:
        build_extractor("resnet50", tmp_path / "out")
    assert capfd.readouterr().out == ""
    start, _, rest = str(caught.value).partition(" and Keras cannot download it (URL fetch failure on ")
    assert start == (
        "no ImageNet weights for resnet50: "
        f"resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5 is not in {tmp_path / 'models'}"
    )
    assert rest.endswith(
        "; put the file there, give it with --weights FILE (deploy: -c weights=FILE), "
        "or use efficientnet_lite0, which needs no download"
    )
    assert not (tmp_path / "out").exists()
