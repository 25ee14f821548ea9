"""notebooks/explore.ipynb runs from start to end on a small archive of generated fruit."""

from pathlib import Path
from typing import Any

import pytest

from rehearsal.demo.kinds import KINDS
from rehearsal.demo.photographs import write_archive
from spark_job.analyses.classifier import SavedClassifier
from spark_job.analyses.keras_export import export_keras
from spark_job.analyses.runs import SourceRun
from spark_job.extractors.build import build_extractor
from tests.analyses.recognition_runs import features_run, train_on

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "explore.ipynb"
VIEWS = 6


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook, run on fruit with the network whose weights come with pip."""
    from nbclient import NotebookClient  # takes seconds

    folder = tmp_path_factory.mktemp("notebook")
    extractor, results = folder / "lite0", folder / "results"
    build_extractor("efficientnet_lite0", extractor)
    write_archive(folder / "fruit", views=VIEWS)
    # The last view of each kind tests. A draw depends on the folder's name.
    for view in list((folder / "fruit").glob(f"Training/*/{VIEWS - 1}_*")):
        moved = folder / "fruit" / "Validation" / view.parent.name / view.name
        moved.parent.mkdir(parents=True, exist_ok=True)
        view.rename(moved)
    run = features_run(folder / "fruit", results, extractor, "mine")
    classifier = SavedClassifier.of_run(SourceRun.open(str(train_on(run, results, "classifier")), "train"))
    export_keras(classifier, classifier.open_extractor(str(extractor)), folder / "mine.keras")
    settings = {"RUN": run, "CLASSIFIER": f"{results}/classifier", "KERAS": f"{folder}/mine.keras"}
    book = notebook()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        NotebookClient(book, timeout=300, kernel_name="python3").execute(cwd=str(folder))
    return book


def notebook() -> Any:
    import nbformat  # takes seconds

    return nbformat.read(NOTEBOOK, as_version=4)


def printed(book: Any) -> str:
    outputs = [output for cell in book.cells for output in cell.get("outputs", ())]
    return "".join(output["text"] for output in outputs if output.get("name") == "stdout")


def pictures(book: Any) -> int:
    outputs = [output for cell in book.cells for output in cell.get("outputs", ())]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_it_runs_from_start_to_end(executed: Any) -> None:
    """Every cell of code was run, in order, and shows what its heading says."""
    numbers = [cell.execution_count for cell in executed.cells if cell.cell_type == "code"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert f"images     {len(KINDS) * VIEWS} usable, 0 rejected" in printed(executed)
    assert pictures(executed) == 3


def test_the_keras_model_names_the_photograph_that_it_was_trained_on(executed: Any) -> None:
    """Its most probable class is the folder's."""
    told = printed(executed).partition("it is: ")[2].splitlines()
    assert told[1].endswith(f"  {told[0]}")


def test_its_outputs_are_kept_and_name_no_folder_of_a_machine() -> None:
    """Those in the repository come from a whole run as well."""
    book = notebook()
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert pictures(book) == 3
    outputs = str([cell.outputs for cell in cells])
    assert [name for name in ("/home/", "/tmp/", "/root/", "/Users/") if name in outputs] == []
