"""`predict`: a few images without Spark, many with it, and what it cannot know."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from PIL import Image

from spark_job.analyses.prediction import analysis as prediction
from spark_job.analyses.prediction.analysis import predict
from spark_job.analyses.runs import Summary
from spark_job.contract.errors import MisuseError
from spark_job.errors import ListingError, StorageError
from spark_job.extractors import specification
from spark_job.extractors.specification import ExtractorSpecification
from tests.analyses.recognition_runs import spark, write_colours


def no_spark() -> None:
    raise AssertionError("Spark was started")


def predicted(
    model: Path, images: Path, results: Path, opener: object = no_spark, **others: object
) -> Summary:
    """Recognise images with the extractor that the model was trained with, unless others are given."""
    description = model / "classifier" / "classifier.json"
    if description.exists() and not {"extractor", "fingerprint"} & others.keys():
        others.setdefault("extractor", json.loads(description.read_text())["extractor"])
    uris = map(str, (model, images, results))
    return predict(*uris, opener, lambda line: None, run_id="p", **others)  # type: ignore[arg-type,call-arg]


def rows_of(run: Path) -> list[dict]:
    return sorted(pq.read_table(run / "predictions").to_pylist(), key=lambda row: row["path"])


def test_new_photographs_get_their_class_without_spark(trained_run: Path, tmp_path: Path) -> None:
    """The first five and their probabilities; folders named like classes give a figure."""
    summary = predicted(trained_run, write_colours(tmp_path / "new", 4, seed=3), tmp_path / "results")
    metrics = summary.content["metrics"]
    assert (metrics["images"]["usable"], metrics["predictions"]["labelled"]) == (12, 12)
    assert metrics["predictions"]["accuracy"] >= 11 / 12
    row = rows_of(tmp_path / "results/p")[0]
    assert {row[f"class_{place}"] for place in (1, 2, 3)} == {"Apple", "Lime", "Plum"}
    assert sum(row[f"probability_{place}"] for place in (1, 2, 3)) == pytest.approx(1, abs=1e-5)
    assert row["class_4"] is None


def test_with_spark_the_answers_are_the_same(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many images go through Spark; number by number."""
    images = write_colours(tmp_path / "new", 6, seed=4)
    predicted(trained_run, images, tmp_path / "alone")
    monkeypatch.setattr(prediction, "IMAGES_WITHOUT_SPARK", 5)
    predicted(trained_run, images, tmp_path / "together", spark)
    assert rows_of(tmp_path / "together/p") == rows_of(tmp_path / "alone/p")


def test_one_photograph_by_its_name(trained_run: Path, tmp_path: Path) -> None:
    """--images may be a file."""
    images = write_colours(tmp_path / "new", 1, spread=1)
    summary = predicted(trained_run, images / "Lime/000.png", tmp_path / "results")
    assert [next(iter(image["classes"])) for image in summary.content["predictions"]] == ["Lime"]


def test_what_cannot_be_used_is_rejected_as_in_the_pipeline(trained_run: Path, tmp_path: Path) -> None:
    """rejected.csv says why; the CSV of predictions holds the others."""
    images = write_colours(tmp_path / "new", 1)
    (images / "broken.jpg").write_bytes(b"")
    (images / "notes.txt").write_text("no image")
    predicted(trained_run, images, tmp_path / "results")
    assert "the file is empty" in (tmp_path / "results/p/rejected.csv").read_text()
    assert csv.read_csv(tmp_path / "results/p/predictions.csv").num_rows == 3
    counts = json.loads((tmp_path / "results/p/metrics.json").read_text())["images"]
    assert counts == {"listed": 5, "usable": 3, "rejected": 1, "skipped": 1}


def test_what_is_like_nothing_trained_on_is_flagged(trained_run: Path, tmp_path: Path) -> None:
    """A chequered picture among plain colours."""
    images = write_colours(tmp_path / "new", 5, spread=5, seed=6)
    chequered = np.kron([[0, 1], [1, 0]], np.full((8, 8), 255)).astype(np.uint8)
    Image.fromarray(np.dstack([chequered, 255 - chequered, chequered])).save(images / "strange.png")
    summary = predicted(trained_run, images, tmp_path / "results")
    unlike = [image["path"] for image in summary.content["predictions"] if image["unlike"]]
    assert [Path(path).name for path in unlike] == ["strange.png"]
    assert "Unlike anything trained on" in (tmp_path / "results/p/report/index.html").read_text()


def test_another_extractor_is_refused(trained_run: Path, tmp_path: Path, other_extractor: Path) -> None:
    """Its features mean something else to the classifier."""
    images = write_colours(tmp_path / "new", 1)
    with pytest.raises(MisuseError, match="trained on features of another extractor: name its extractor"):
        predicted(trained_run, images, tmp_path / "results", extractor=str(other_extractor))


def test_an_extractor_that_a_foreign_model_names_is_not_read(
    trained_run: Path, tiny_extractor: Path, tmp_path: Path
) -> None:
    """Unless it lies beside the model, links followed, or its fingerprint is known."""
    images, model = write_colours(tmp_path / "new", 1, spread=1), tmp_path / "theirs" / "trained"
    shutil.copytree(trained_run, model)
    with pytest.raises(MisuseError, match=r"outside of its results, /.* add --extractor /"):
        predicted(model, images, tmp_path / "results", extractor=None)
    known = ExtractorSpecification.from_json((tiny_extractor / "extractor.json").read_text(), "").fingerprint
    with pytest.raises(MisuseError, match=f"has the fingerprint {known}, not 00: do not use it"):
        predicted(model, images, tmp_path / "results", fingerprint="00")
    predicted(model, images, tmp_path / "known", fingerprint=known)
    description = json.loads((model / "classifier/classifier.json").read_text())
    description["extractor"] = str(tmp_path / "theirs" / "network")
    (model / "classifier/classifier.json").write_text(json.dumps(description))
    (tmp_path / "theirs" / "network").symlink_to(tiny_extractor)
    with pytest.raises(MisuseError, match="outside of its results"):
        predicted(model, images, tmp_path / "results", extractor=None)
    (tmp_path / "theirs" / "network").unlink()
    shutil.copytree(tiny_extractor, tmp_path / "theirs" / "network")
    predicted(model, images, tmp_path / "beside", extractor=None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("classifier.json", b"[]"),
        ("classifier.json", b'{"format": 1, "classes": 5}'),
        ("novelty.npz", b"PK no archive"),
        ("features/data/part-000000.parquet", b"PAR1"),
    ],
)
def test_a_model_that_is_malformed_gets_a_line(
    name: str, content: bytes, trained_run: Path, tmp_path: Path
) -> None:
    """Whoever wrote it."""
    model = tmp_path / "trained"
    shutil.copytree(trained_run, model)
    (model / "classifier" / name).write_bytes(content)
    with pytest.raises(StorageError, match="classifier is not as this version of the job writes it"):
        predicted(model, tmp_path, tmp_path.parent / "elsewhere", extractor="/none")


def test_features_of_another_preparation_are_refused(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later version of the job sees photographs in another way; the sentence says what to do."""
    monkeypatch.setattr(specification, "PREPARATION", specification.PREPARATION + 1)
    with pytest.raises(MisuseError, match=r"version of this job prepared in another way: .* train it anew"):
        predicted(trained_run, write_colours(tmp_path / "new", 1), tmp_path / "results")


def test_a_run_that_is_no_training_is_refused(coloured_run: str, tmp_path: Path) -> None:
    """The message names what is needed."""
    with pytest.raises(MisuseError, match="needs one made by `train`"):
        predicted(Path(coloured_run), tmp_path, tmp_path.parent / "elsewhere")


def test_no_images_is_an_error(trained_run: Path, tmp_path: Path) -> None:
    """An empty folder has no answer."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ListingError, match="no images in"):
        predicted(trained_run, tmp_path / "empty", tmp_path / "results")


def test_a_photograph_that_cannot_be_used_says_why(trained_run: Path, tmp_path: Path) -> None:
    """At once, without a look into the table."""
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(ListingError, match=r"none of the 1 images could be used, as .*: the file is empty; "):
        predicted(trained_run, tmp_path / "empty.jpg", tmp_path / "results")


def test_the_command_answers_for_one_photograph(
    trained_run: Path, tiny_extractor: Path, tmp_path: Path
) -> None:
    """On stdout, with the classes in the order of their probability; no Java is started."""
    photograph = write_colours(tmp_path / "new", 1, spread=1) / "Plum/000.png"
    command = [sys.executable, "-m", "spark_job", "predict", f"--model={trained_run}"]
    command += [
        f"--images={photograph}",
        f"--results={tmp_path / 'results'}",
        f"--extractor={tiny_extractor}",
    ]
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        env={"JAVA_HOME": "/none", "PATH": "/none"},
        cwd=Path(__file__).parents[2],
    )
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0] == "images    1 recognised, 0 unlike anything trained on, 0 rejected"
    assert lines[1].startswith(f"image     {photograph}: Plum ")
    assert [line.split()[0] for line in lines[2:]] == ["time", "results", "report"]
