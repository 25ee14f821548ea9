"""`train` from start to end."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyspark.ml.classification import LogisticRegressionModel

from spark_job.command_line import cli
from spark_job.contract.errors import MisuseError
from tests.analyses.recognition_runs import features_run, train_on, write_colours


def metrics_of(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text())


def test_colours_are_told_apart(trained_run: Path) -> None:
    """Plain colours are easy; the baseline is one class in three."""
    figures = metrics_of(trained_run)["classifier"]
    assert figures["accuracy"] > 0.9
    assert figures["top_5_accuracy"] == 1
    assert figures["majority_baseline"] == pytest.approx(1 / 3)
    assert (figures["training_images"], figures["test_images"]) == (48, 12)


def test_both_tables_stand_side_by_side(trained_run: Path) -> None:
    """12 features, 4 components, an accuracy and a learning curve each."""
    metrics = metrics_of(trained_run)
    assert {name: one["columns"] for name, one in metrics["by_table"].items()} == {
        "features": 12,
        "components": 4,
    }
    for curve in metrics["learning_curve"].values():
        assert [point["images"] for point in curve] == [6, 12, 24, 48]
    assert "How much does the reduction cost?" in (trained_run / "report/index.html").read_text()


def test_the_run_names_its_parent_and_its_outputs(trained_run: Path, coloured_run: str) -> None:
    """The manifest is what makes it complete; the results' index lists it."""
    manifest = json.loads((trained_run / "manifest.json").read_text())
    assert (manifest["kind"], manifest["parents"]) == ("train", [coloured_run])
    assert "classifier/classifier.json" in manifest["outputs"]
    assert "trained/report/index.html" in (trained_run.parent / "index.html").read_text()


def test_the_saved_model_is_one_of_mllib(trained_run: Path) -> None:
    """Loaded by plain PySpark; its classes are those of classifier.json."""
    model = LogisticRegressionModel.load(str(trained_run / "classifier/features"))
    description = json.loads((trained_run / "classifier/classifier.json").read_text())
    assert (model.numClasses, model.numFeatures) == (3, 12)
    assert description["classes"] == ["Apple", "Lime", "Plum"]


def test_confused_photographs_are_shown(tmp_path: Path, tiny_extractor: Path) -> None:
    """Colours that overlap are confused; the report has the pairs and their pictures."""
    images = write_colours(tmp_path / "photos", 15, spread=400)
    source = features_run(images, tmp_path / "results", tiny_extractor, "run")
    run = train_on(source, tmp_path / "results", "t")
    assert metrics_of(run)["classifier"]["accuracy"] < 1
    page = (run / "report/index.html").read_text()
    assert "The most confused pairs" in page
    assert "data:image/jpeg;base64," in page


def test_another_run_tests(coloured_run: str, tmp_path: Path, tiny_extractor: Path) -> None:
    """--test-features: all images of the one train, all of the other test."""
    images = write_colours(tmp_path / "new", 5, seed=9)
    tested = features_run(images, tmp_path / "results", tiny_extractor, "new")
    run = train_on(coloured_run, tmp_path / "results", "t", test_features=tested, on="components")
    figures = metrics_of(run)["classifier"]
    assert (figures["training_images"], figures["test_images"]) == (60, 15)
    assert figures["accuracy"] > 0.9


def test_features_of_another_extractor_are_refused(
    coloured_run: str, tmp_path: Path, other_extractor: Path
) -> None:
    """They mean something else."""
    images = write_colours(tmp_path / "new", 2)
    tested = features_run(images, tmp_path / "results", other_extractor, "new")
    with pytest.raises(MisuseError, match="another extractor"):
        train_on(coloured_run, tmp_path / "results", "t", test_features=tested)


def test_a_run_does_not_test_itself(coloured_run: str, tmp_path: Path) -> None:
    """Images that were trained on say nothing."""
    with pytest.raises(MisuseError, match="has not seen"):
        train_on(coloured_run, tmp_path, "t", test_features=coloured_run)


def test_the_command_ends_with_its_answer(coloured_run: str, tiny_extractor: Path, tmp_path: Path) -> None:
    """The whole way through the command line: accuracy, baseline, the most confused pair, what to do next."""
    results = tmp_path / "my results"
    arguments = [
        "train",
        f"--features={coloured_run}",
        f"--results={results}",
        "--run-id=t",
        "--held-out=0.5",
        "--max-iterations=4",
    ]
    answer = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert answer.exit_code == 0
    metrics = metrics_of(results / "t")
    assert metrics["classifier"]["test_images"] == 30
    run = results / "t"
    assert answer.stdout.splitlines() == [
        f"accuracy  {metrics['classifier']['accuracy']:.1%} of 30 test images, 100.0% among the first 5 "
        "(features)".replace("%", " %"),
        "baseline  33.3 %: always the class with most training images",
        "confused  no class with another",
        f"time      {metrics['seconds']['total']:.1f} s",
        f"results   {run}",
        f"report    {run}/report/index.html",
        f"next      fruit predict --model='{run}' --extractor={tiny_extractor} --images=PHOTOGRAPHS "
        f"--results='{results}'",
    ]
    assert "iteration" not in answer.stderr
