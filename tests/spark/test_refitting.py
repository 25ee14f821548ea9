"""`fruit forget --refit`: what is fitted again equals what never saw the image."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from spark_job.analyses.classifier import SavedClassifier
from spark_job.analyses.grouping.analysis import group
from spark_job.analyses.runs import SourceRun
from tests.analyses.recognition_runs import features_run, spark, train_on, write_colours
from tests.spark.runs import RunResults, run
from tests.spark.test_forgetting import fruit, names_left

GONE = "Apple/000.png"


def make_all(images: Path, results: Path, extractor: Path) -> str:
    """A run, a training and a grouping of it; returns the run."""
    first = features_run(images, results, extractor, "first")
    train_on(first, results, "trained")
    group(first, str(results), spark, lambda line: None, k=3, run_id="grouped")
    return first


def test_what_is_fitted_again_equals_a_fit_that_never_saw_the_image(tmp_path, tiny_extractor, capsys):
    """Means, deviations, components, classifier, groups; of the run that applied the PCA too.

    A second call, alone, finds nothing to fit; nothing of an older one is left. Of one image none is fitted,
    and of a run without images neither.
    """
    images, results = write_colours(tmp_path / "images", 6), tmp_path / "results"
    first = make_all(images, results, tiny_extractor)
    run(images, results, tiny_extractor, "applied", reduction=first)
    (tmp_path / "empty").mkdir()
    run(tmp_path / "empty", results, tiny_extractor, "empty", reduction=first, allow_empty=True)
    before = SourceRun.open(first).reduction()
    look = ["--local", f"--results={results}", "--yes"]
    assert fruit("forget", f"{images}/{GONE}", *look) == 0
    capsys.readouterr()
    assert fruit("forget", "--refit", *look, "--json") == 0
    done = [Path(uri).name for uri in json.loads(capsys.readouterr().out)["fitted_again"]]
    assert done[:3] == ["first", "applied", "empty"]
    assert set(done[3:]) == {"trained", "grouped"}
    fresh = SourceRun.open(make_all(images, tmp_path / "fresh", tiny_extractor))
    close = partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-9)
    for name in ("first", "applied"):
        again = SourceRun.open(str(results / name))
        for part in ("count", "mean", "scale", "loadings", "explained_variance_ratio"):
            close(getattr(again.reduction(), part), getattr(fresh.reduction(), part))
        rows, expected = (RunResults(Path(one.uri)).components for one in (again, fresh))
        assert [row["path"] for row in rows] == [row["path"] for row in expected]
        close(*([row["components_array"] for row in table] for table in (rows, expected)))
        assert again.metrics["reduction"] == pytest.approx(fresh.metrics["reduction"], rel=1e-6)
    assert again.metrics["drift"]["beyond_error_limit"] < 0.2
    assert not np.allclose(before.mean, again.reduction().mean, rtol=1e-6)
    trained, grouped = [], []
    for of in ("results", "fresh"):
        trained.append(SavedClassifier.of_run(SourceRun.open(f"{tmp_path}/{of}/trained", "train")).head)
        rows = RunResults(tmp_path / of / "grouped").csv("clusters.csv")
        grouped.append([(row["path"], row["cluster"]) for row in rows])
    close(trained[0].coefficients, trained[1].coefficients, rtol=1e-4, atol=1e-6)
    assert grouped[0] == grouped[1]
    assert names_left(results, GONE) == []
    assert fruit("forget", "--refit", *look) == 0
    assert "0 runs fitted again" in capsys.readouterr().out
    others = [str(path) for path in images.rglob("*.png") if path != images / "Plum/000.png"]
    assert fruit("forget", *others, "--refit", *look) == 0
    said = capsys.readouterr().err
    assert "first: the reduction is removed, for none can be fitted: " in said
    assert "trained: not fitted again: " in said
    assert not (results / "first/reduction").is_dir() or not any((results / "first/reduction").rglob("*.*"))
