"""What the tests of the analyses share: a run of small pictures and a classifier of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spark_job.contract.manifest import Manifest
from spark_job.pipeline.run_folder import RunFolder
from tests.analyses.recognition_runs import features_run, train_on, write_colours
from tests.run_files import without_row


@pytest.fixture(scope="module", autouse=True)
def each_file_has_a_row() -> Iterator[None]:
    """Whatever a run or an analysis leaves in these tests, and in no others, docs/privacy.md tells of it."""
    complete = RunFolder.complete

    def checked(run: RunFolder, *arguments: Any, **facts: Any) -> Manifest:
        assert without_row(run.names()) == []
        return complete(run, *arguments, **facts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "complete", checked)
        yield


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
