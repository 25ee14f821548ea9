"""What the tests of the analyses share: a run of small pictures and a classifier of them."""

from pathlib import Path

import pytest

from tests.analyses.recognition_runs import features_run, train_on, write_colours


@pytest.fixture(scope="session")
def coloured_run(tmp_path_factory: pytest.TempPathFactory, tiny_extractor: Path) -> str:
    """A run over three classes of 20 pictures."""
    folder = tmp_path_factory.mktemp("recognition")
    images = write_colours(folder / "photos", 20)
    return features_run(images, folder / "results", tiny_extractor, "coloured")


@pytest.fixture(scope="session")
def trained_run(coloured_run: str) -> Path:
    """A classifier on both tables of that run."""
    return train_on(coloured_run, Path(coloured_run).parent, "trained", on="both")
