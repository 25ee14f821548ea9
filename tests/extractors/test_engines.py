"""Loading a network: any file name, one message for each thing that can be wrong."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from spark_job.contract.extractor_files import ENGINE_FILES, ENGINES
from spark_job.errors import ExtractorError
from spark_job.extractors.build import build_extractor
from spark_job.extractors.specification import ExtractorSpecification
from spark_job.features.extraction import Engine, load_engine


@dataclass
class Raw:
    folder: Path
    specification: ExtractorSpecification

    def load(self, engine: str) -> Engine:
        files = {file: self.folder / file for file in ENGINE_FILES[engine]}
        return load_engine(files, self.specification, engine, "f32")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Raw:
    """4 x 4 raw pixels: the smallest network."""
    folder = tmp_path_factory.mktemp("raw") / "x"
    return Raw(folder, build_extractor("raw_pixels", folder, size=(4, 4)))


@pytest.mark.parametrize("engine", ENGINES)
def test_features_are_fresh_and_images_may_be_read_only(engine: str, raw: Raw) -> None:
    """A second call leaves the first one's result alone, and no images give no rows."""
    loaded = raw.load(engine)
    images = np.random.default_rng(0).random((3, 4, 4, 3), dtype=np.float32)
    images.flags.writeable = False
    first = loaded.features(images)
    second = loaded.features(images[::-1])
    np.testing.assert_array_equal(first, images.reshape(3, 48))
    np.testing.assert_array_equal(second, images[::-1].reshape(3, 48))
    assert loaded.features(images[:0]).shape == (0, 48)


@pytest.mark.parametrize("engine", ENGINES)
def test_files_may_have_other_names(engine: str, raw: Raw, tmp_path: Path) -> None:
    """A node keeps them under their hash."""
    files = {name: tmp_path / f"0123-{name}" for name in ENGINE_FILES[engine]}
    for name, path in files.items():
        shutil.copy(raw.folder / name, path)
    loaded = load_engine(files, raw.specification, engine, "f32")
    assert loaded.features(np.zeros((1, 4, 4, 3), np.float32)).shape == (1, 48)


@pytest.mark.parametrize("engine", ENGINES)
def test_damaged_networks_are_errors(engine: str, raw: Raw, tmp_path: Path) -> None:
    """The message names the engine and the file."""
    files = {name: tmp_path / name for name in ENGINE_FILES[engine]}
    for path in files.values():
        path.write_bytes(b"damaged")
    with pytest.raises(ExtractorError, match=f"^{engine} cannot load {ENGINE_FILES[engine][0]}: "):
        load_engine(files, raw.specification, engine, "f32")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_is_not_installed_is_named(
    engine: str, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says which package to install."""
    monkeypatch.setitem(sys.modules, engine, None)
    with pytest.raises(ExtractorError, match=f"^{engine} cannot be imported .*: pip install {engine}$"):
        raw.load(engine)
