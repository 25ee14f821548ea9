"""The folder that an analysis writes."""

import json
from pathlib import Path

import numpy as np
import pytest

from spark_job.analyses.runs import AnalysisRun, SourceRun, for_people
from spark_job.contract.errors import MisuseError
from spark_job.contract.run_options import ComponentRequest, ImageLimits
from spark_job.errors import StorageError
from spark_job.extractors.specification import Extractor
from spark_job.pipeline.reduction_stage import load_reduction
from spark_job.pipeline.run_folder import RunFolder
from spark_job.reduction.mllib_files import save_model
from spark_job.reduction.principal_components import reduce_rows
from spark_job.report.document import Document
from spark_job.storage import Folder
from tests.report_examples import EXTRACTOR

DOCUMENT = Document("Title", "subtitle", {}, [])
FIGURES = {
    "images": {"listed": 3, "usable": 3, "rejected": 0, "skipped": 0},
    "features": {"length": 3, "images_per_second": None},
    "reduction": {"components": 2, "explained_variance_ratio": 0.5, "standardized": True},
    "seconds": {"total": 1.0, "listing": 0.5},
}


@pytest.fixture
def results(tmp_path):
    """RESULTS with one finished run."""
    manifest = {"run_id": "source", "created": "2026-11-21T09:00:00+00:00", "parameters": {}}
    RunFolder(str(tmp_path / "source")).write_json("manifest.json", manifest)
    RunFolder(str(tmp_path / "source")).write_json("metrics.json", FIGURES)
    return tmp_path


def begin(results, run_id: str | None = "mine") -> AnalysisRun:
    source = SourceRun.open(str(results / "source"))
    return AnalysisRun("group", str(results), [source], {"seed": 1}, run_id)


def test_a_finished_analysis_names_what_it_was_made_from(results):
    """Kind, parents, parameters, and every output, in the manifest."""
    begin(results).finish({"found": 2}, DOCUMENT, outputs={"list.csv": b"a\n"})
    manifest = json.loads((results / "mine" / "manifest.json").read_text())
    assert manifest["kind"] == "group"
    assert manifest["parents"] == [str(results / "source")]
    assert manifest["parameters"] == {"seed": 1}
    assert manifest["outputs"] == ["list.csv", "metrics.json", "report/index.html"]


def test_parameters_are_shown_in_words():
    """Those of a group by their own names; what was not given is left out."""
    given = {"all_files": False, "price_per_hour": [], "labels": None, "seed": 1, "limits": {"max_bytes": 5}}
    assert for_people(given) == {"all files": "no", "seed": "1", "max bytes": "5"}


def test_metrics_have_the_time_it_took(results):
    begin(results).finish({"found": 2}, DOCUMENT)
    metrics = json.loads((results / "mine" / "metrics.json").read_text())
    assert metrics["found"] == 2
    assert metrics["seconds"]["total"] >= 0


def test_reports_link_to_each_other(results):
    """The index to the report, the report to the index and to its parent's."""
    begin(results).finish({}, DOCUMENT)
    index = (results / "index.html").read_text()
    page = (results / "mine" / "report" / "index.html").read_text()
    assert 'href="mine/report/index.html"' in index
    assert 'href="../../index.html"' in page
    assert 'href="../../source/report/index.html"' in page


def test_an_unfinished_analysis_is_not_in_the_index(results):
    begin(results, "abandoned")
    begin(results).finish({}, DOCUMENT)
    assert "abandoned" not in (results / "index.html").read_text()


def test_nothing_is_overwritten(results):
    """Neither a finished run nor one that only began."""
    begin(results)
    with pytest.raises(MisuseError, match="choose another --run-id"):
        begin(results)
    with pytest.raises(MisuseError, match="choose another --run-id"):
        begin(results, "source")


@pytest.mark.parametrize("name", ["../out", ".hidden", "_a", "a/b", "x" * 129])
def test_a_name_that_is_no_folder_name_is_refused(name, results):
    with pytest.raises(MisuseError, match=r"--run-id .*: letters.*the first a letter or digit"):
        begin(results, name)


def test_the_name_says_the_kind_when_none_is_given(results):
    assert begin(results, None).run_id.startswith("group-")


def test_a_folder_without_a_finished_run_is_refused(results, tmp_path):
    """The message says what it is instead."""
    begin(results).finish({}, DOCUMENT)
    begin(results, "begun")
    (tmp_path / "file").touch()
    for place, message in {
        tmp_path / "nope": "is no folder, or an empty one: name RESULTS/RUN_ID",
        results: f"is a folder of runs, not a run: name one of them, as {results}/mine",
        results / "begun": "holds a run that is not finished: name another",
        results / "mine/report": "holds no run",
    }.items():
        with pytest.raises(MisuseError, match=f"{place} {message}"):
            SourceRun.open(str(place))
    with pytest.raises(StorageError, match="a file where a folder is needed: name a folder"):
        SourceRun.open(str(tmp_path / "file"))


def test_a_run_of_another_kind_is_refused(results):
    begin(results).finish({}, DOCUMENT)
    with pytest.raises(MisuseError, match="made by `group`; this needs one made by `run` or `train`"):
        SourceRun.open(str(results / "mine"), "run", "train")


def test_figures_that_are_not_those_of_a_run_are_refused_in_a_line(tmp_path):
    """Whoever wrote them: keys that are missing, texts where numbers are, something else as a whole."""
    (tmp_path / "manifest.json").write_text('{"run_id": "r", "created": "2026-01-01"}')
    for change, message in (
        ({"images": {}}, "images.listed is None, no number"),
        ({"features": {"length": "many"}}, "features.length is 'many', no number"),
        ({"reduction": []}, "it has no figures named reduction"),
        ({"seconds": {"total": float("nan")}}, "seconds.total is nan, no number"),
        ({"seconds": {"total": 1, "listing": "x"}}, "seconds.listing is 'x', no number"),
        ({"labels": {"columns": None}}, "labels has no list of columns"),
    ):
        (tmp_path / "metrics.json").write_text(json.dumps(FIGURES | change))
        with pytest.raises(MisuseError, match=f"metrics.json is not that of a run .{message}"):
            SourceRun.open(str(tmp_path))
    (tmp_path / "metrics.json").write_text("[")
    with pytest.raises(MisuseError, match="it has no figures named images"):
        SourceRun.open(str(tmp_path))
    (tmp_path / "metrics.json").write_text(json.dumps(FIGURES))
    assert SourceRun.open(str(tmp_path)).limits == ImageLimits()


@pytest.mark.parametrize(
    "fit",
    [
        "[]",
        "{}",
        json.dumps({"extractor": EXTRACTOR.fingerprint, "images": 3}),
        json.dumps({"extractor": EXTRACTOR.fingerprint, "images": 3, "explained_variance_ratio": ["x"]}),
    ],
)
def test_a_reduction_that_is_malformed_gets_a_line(fit: str, tmp_path: Path) -> None:
    """Whoever wrote it."""
    (tmp_path / "reduction").mkdir()
    (tmp_path / "manifest.json").write_text('{"run_id": "r", "created": "2026-01-01"}')
    (tmp_path / "reduction" / "fit.json").write_text(fit)
    with pytest.raises(StorageError, match="is not as this version of the job writes it"):
        load_reduction(RunFolder(str(tmp_path)), Extractor(Folder("/none"), EXTRACTOR))


def test_a_reduction_of_another_length_is_refused(tmp_path: Path) -> None:
    """It would fail within the workers, after hours."""
    reduction = reduce_rows(np.random.default_rng(0).normal(size=(9, 4)), ComponentRequest())
    save_model(Folder(str(tmp_path / "reduction" / "model")), reduction)
    (tmp_path / "manifest.json").write_text('{"run_id": "r", "created": "2026-01-01"}')
    noted = {"extractor": EXTRACTOR.fingerprint, "images": 9, "explained_variance_ratio": [1.0]}
    (tmp_path / "reduction" / "fit.json").write_text(json.dumps(noted))
    with pytest.raises(StorageError, match="4 numbers for 1280 features"):
        load_reduction(RunFolder(str(tmp_path)), Extractor(Folder("/none"), EXTRACTOR))
