"""What a run leaves: complete, consistent, and usable without this project."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from spark_job.contract.errors import MisuseError
from spark_job.contract.run_options import ComponentRequest
from spark_job.session import open_session
from tests.spark import photographs
from tests.spark.runs import run


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Three classes and a rejected file."""
    folder = photographs.write_archive(
        tmp_path_factory.mktemp("archive") / "images", {"a": 12, 'b, "c"': 11, "é": 10}
    )
    (folder / "a" / "empty.jpg").touch()
    return folder


@pytest.fixture(scope="module")
def results(images, tiny_extractor, tmp_path_factory):
    """A run with the default request."""
    return run(images, tmp_path_factory.mktemp("results"), tiny_extractor, request=ComponentRequest(0.8))


def matrix(rows, column):
    """The lists of a column, one below the other."""
    return np.array([row[column] for row in rows if row[column] is not None])


def test_metrics_have_exactly_the_documented_figures(results):
    """Each is there, a number in its range, and nothing else is; the reader refuses NaN."""
    metrics = results.metrics
    assert {name: set(part or ()) for name, part in metrics.items()} == {
        "images": {
            *("listed", "usable", "rejected", "damaged", "skipped", "skipped_by_reason"),
            *("new", "reused", "removed", "kept"),
        },
        "features": {
            *("length", "images_per_second", "images_per_second_per_core", "cores"),
            *("cpu_utilization", "megapixels"),
        },
        "reduction": {"components", "explained_variance_ratio", "standardized"},
        "drift": set(),
        "seconds": {"listing", "features", "reduction", "report", "total"},
    }
    counts = {name: metrics["images"][name] for name in ("listed", "usable", "rejected", "skipped")}
    assert counts == {"listed": 34, "usable": 33, "rejected": 1, "skipped": 0}
    assert metrics["features"]["length"] == 12
    assert metrics["features"]["images_per_second"] > 0
    assert 0 < metrics["features"]["cpu_utilization"] <= 1
    assert metrics["features"]["images_per_second_per_core"] > 0
    assert 0 < metrics["features"]["megapixels"] < 0.1
    assert 0.8 <= metrics["reduction"]["explained_variance_ratio"] <= 1
    assert metrics["reduction"]["standardized"] is True
    seconds = metrics["seconds"]
    assert sum(seconds.values()) - seconds["total"] <= seconds["total"] + 0.1


def test_nothing_is_nan_anywhere(results):
    """Neither in the tables nor in the CSV and JSON files."""
    assert np.isfinite(matrix(results.features, "features")).all()
    assert np.isfinite(matrix(results.components, "components_array")).all()
    for path in results.folder.rglob("*"):
        if path.suffix in (".csv", ".json", ".tsv"):
            assert "nan" not in path.read_text().lower().split(","), path


def test_the_components_are_those_of_an_independent_reference(results):
    """NumPy's SVD of the standardised features, up to sign; orthogonal, descending in variance."""
    features = matrix(results.features, "features").astype(np.float64)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0, ddof=1)
    left, singular, _ = np.linalg.svd(scaled, full_matrices=False)
    found = matrix(results.components, "components_array")
    k = found.shape[1]
    np.testing.assert_allclose(np.abs(found), np.abs(left * singular)[:, :k], atol=1e-9)
    ratio = singular**2 / np.sum(singular**2)
    assert results.metrics["reduction"]["explained_variance_ratio"] == pytest.approx(ratio[:k].sum())
    assert ratio[: k - 1].sum() < 0.8 <= ratio[:k].sum()


def test_the_csv_file_equals_the_parquet_table(results):
    """Same rows, labels and numbers, to the last digit."""
    table, lines = results.components, results.csv("components.csv")
    k = len(table[0]["components_array"])
    assert list(lines[0]) == ["path", "label", *(f"component_{number}" for number in range(1, k + 1))]
    assert [(row["path"], row["label"]) for row in lines] == [(row["path"], row["label"]) for row in table]
    numbers = [[float(line[f"component_{number}"]) for number in range(1, k + 1)] for line in lines]
    np.testing.assert_array_equal(numbers, matrix(table, "components_array"))


def test_the_vector_column_equals_the_array_column(results):
    """For MLlib one, for everything else the other."""
    vectors = np.array([row["components"]["values"] for row in results.components])
    np.testing.assert_array_equal(vectors, matrix(results.components, "components_array"))


def test_the_manifest_names_what_is_there(results):
    """Every output exists, and the command repeats the run."""
    manifest = results.json("manifest.json")
    assert all((results.folder / name).exists() for name in manifest["outputs"])
    assert manifest["images"] == results.metrics["images"]
    assert manifest["command"][0] == "run"
    assert "--variance=0.8" in manifest["command"]


def test_the_result_does_not_depend_on_the_order_of_files(results, images, tiny_extractor, tmp_path):
    """Two sources in the other order list the same images in another order."""
    folders = tuple(str(path) for path in sorted(images.iterdir(), reverse=True))
    again = run(folders, tmp_path, tiny_extractor, request=ComponentRequest(0.8))
    assert [row["path"] for row in again.components] == [row["path"] for row in results.components]
    numbers, expected = (matrix(one.components, "components_array") for one in (again, results))
    np.testing.assert_allclose(numbers, expected, atol=1e-9)


PLAIN_PYSPARK = """
import importlib.util, json, os, sys
sys.path = [path for path in sys.path if not os.path.isdir(path + "/spark_job")]
assert importlib.util.find_spec("spark_job") is None
from pyspark.ml import PipelineModel
from pyspark.ml.functions import array_to_vector
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
table = spark.read.parquet(sys.argv[1] + "/features").where("error is null")
table = table.withColumn("features", array_to_vector("features"))
rows = PipelineModel.load(sys.argv[1] + "/reduction/model").transform(table).orderBy("path").collect()
print(json.dumps([[row["path"], row["components"].toArray().tolist()] for row in rows]))
"""


def test_mllib_loads_the_model(results):
    """It gives the components of the table."""
    from pyspark.ml import PipelineModel
    from pyspark.ml.functions import array_to_vector

    table = open_session("tests").read.parquet(f"{results.folder}/features").where("error is null")
    table = table.withColumn("features", array_to_vector(table["features"]))
    model = PipelineModel.load(f"{results.folder}/reduction/model")
    rows = model.transform(table).orderBy("path").select("path", "components").collect()
    assert [row.path for row in rows] == [row["path"] for row in results.components]
    expected = matrix(results.components, "components_array")
    np.testing.assert_allclose([row.components.toArray() for row in rows], expected, atol=1e-6)


@pytest.mark.long
def test_plain_pyspark_loads_the_model(results, tmp_path):
    """In a process that has no such project, it gives the same components."""
    from spark_job.contract.java import find_java_home

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"JAVA_HOME": find_java_home(), "SPARK_LOCAL_IP": "127.0.0.1"}
    environment["PYSPARK_PYTHON"] = sys.executable
    answer = subprocess.run(
        [sys.executable, "-P", "-c", PLAIN_PYSPARK, results.folder],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    rows = json.loads(answer.stdout)
    assert [row[0] for row in rows] == [row["path"] for row in results.components]
    expected = matrix(results.components, "components_array")
    np.testing.assert_allclose([row[1] for row in rows], expected, atol=1e-6)


def test_an_earlier_reduction_gives_the_same_components(results, images, tiny_extractor, tmp_path):
    """Applied to the same images; also to a single new one, which could not be fitted."""
    again = run(images, tmp_path, tiny_extractor, reduction=str(results.folder))
    np.testing.assert_allclose(
        matrix(again.components, "components_array"),
        matrix(results.components, "components_array"),
        atol=1e-9,
    )
    assert again.metrics["reduction"] == pytest.approx(results.metrics["reduction"])
    (tmp_path / "new" / "a").mkdir(parents=True)
    (tmp_path / "new" / "a" / "x.jpg").write_bytes((images / "a" / "003.jpg").read_bytes())
    one = run(tmp_path / "new", tmp_path, tiny_extractor, run_id="one", reduction=str(results.folder))
    (expected,) = (row for row in results.components if row["path"].endswith("/a/003.jpg"))
    np.testing.assert_allclose(one.components[0]["components_array"], expected["components_array"], atol=1e-9)


def test_a_reduction_of_another_extractor_is_refused(results, images, other_extractor, tmp_path):
    """Its columns mean something else."""
    with pytest.raises(MisuseError) as caught:
        run(images, tmp_path, other_extractor, reduction=str(results.folder))
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        f"--reduction {results.folder} was fitted on the features of another extractor: give what it was "
        "made with, or fit anew without --reduction"
    )
    assert not (tmp_path / "run" / "features").exists(), "refused only after all the work"


def test_a_reduction_that_is_none_is_refused(images, tiny_extractor, tmp_path):
    """The message says what is wanted."""
    with pytest.raises(MisuseError) as caught:
        run(images, tmp_path / "results", tiny_extractor, reduction=str(tmp_path))
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        f"--reduction {tmp_path} is not the folder of a complete run with a reduction: "
        "give RESULTS/RUN_ID of one"
    )
