"""compare: two finished runs side by side."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from spark_job.analyses.comparison import compare_runs, principal_angles
from spark_job.command_line import cli
from spark_job.contract.errors import MisuseError
from spark_job.contract.run_options import ComponentRequest
from spark_job.reduction.principal_components import Reduction
from spark_job.report.words import duration
from tests.spark import photographs
from tests.spark.runs import run


@pytest.fixture(scope="module")
def results(tmp_path_factory, tiny_extractor, other_extractor) -> Path:
    """Four runs over the same images: `two`, `four` components, `raw`, and `other`'s network."""
    folder = tmp_path_factory.mktemp("compared")
    images = photographs.write_archive(folder / "images", {"a": 9, "b": 8})
    place = folder / "results"
    run(images, place, tiny_extractor, "two")
    run(images, place, tiny_extractor, "four", request=ComponentRequest(None, 4))
    run(images, place, tiny_extractor, "raw", request=ComponentRequest(None, 2, standardize=False))
    run(images, place, other_extractor, "other")
    trained = {"kind": "train", "run_id": "t", "created": "2026-01-01", "parents": [str(place / "four")]}
    (place / "t").mkdir()
    (place / "t" / "manifest.json").write_text(json.dumps(trained))
    (place / "t" / "metrics.json").write_text(json.dumps({"classifier": {"accuracy": 0.875}}))
    return place


def compared(
    results: Path, one: str, other: str, prices: tuple[float, ...] = ()
) -> tuple[dict[str, Any], str]:
    """The figures and the page."""
    summary = compare_runs((str(results / one), str(results / other)), str(results), prices, f"{one}-{other}")
    page = Path(summary.content["report"])
    metrics = json.loads((page.parents[1] / "metrics.json").read_text())
    return metrics["compare"], page.read_text()


@pytest.fixture(scope="module")
def two_and_four(results):
    return compared(results, "two", "four", (3.6,))


def test_components_that_are_part_of_more_components_have_no_angle(two_and_four):
    """The first two of four are the two."""
    figures, page = two_and_four
    assert figures["subspace_angles_degrees"] == pytest.approx([0, 0], abs=1e-5)
    assert '"mode":"markers","cliponaxis":false' in page  # seen at 0°, where a bar has no height
    assert '"dash":"dot"' in page


def test_figures_are_those_of_the_runs(two_and_four, results):
    """Counts, k, time; the cost of that time; the accuracy of the run that was trained on."""
    figures, page = two_and_four
    for found, name in zip(figures["runs"], ("two", "four"), strict=True):
        metrics = json.loads((results / name / "metrics.json").read_text())
        assert found["components"] == metrics["reduction"]["components"]
        assert found["images"] == {key: metrics["images"][key] for key in found["images"]}
        assert found["cost"] == pytest.approx(metrics["seconds"]["total"] / 1000)
    assert [one["accuracy"] for one in figures["runs"]] == [None, 0.875]
    assert "87.5" in page


def test_only_parameters_that_differ_are_in_the_table(two_and_four):
    """The others are named in one sentence."""
    _, page = two_and_four
    assert "<bdi>components</bdi>" in page
    assert "<bdi>engine</bdi>" not in page
    assert "The same in both" in page


def test_a_comparison_ends_with_the_figures_of_both(results):
    """The whole answer, as a person sees it; Spark is not needed."""
    uris = [str(results / name) for name in ("two", "four")]
    words = ["compare", *uris, "--results", str(results), "--run-id", "answer", "--price-per-hour=3.6"]
    answer = CliRunner().invoke(cli, words, catch_exceptions=False)
    seconds = json.loads((results / "answer" / "metrics.json").read_text())["seconds"]["total"]
    times = [json.loads(Path(uri, "metrics.json").read_text())["seconds"]["total"] for uri in uris]
    assert answer.stdout.splitlines() == [
        "runs           two / four",
        "images         17 / 17",
        "components     2 / 4",
        f"wall time      {' / '.join(duration(time) for time in times)}".replace("\N{NO-BREAK SPACE}", " "),
        "largest angle  0.0°",
        "accuracy       – / 87.5 %",
        f"cost           {times[0] / 1000:.4f} / {times[1] / 1000:.4f} USD",
        f"time           {seconds:.1f} s",
        f"results        {results / 'answer'}",
        f"report         {results / 'answer' / 'report' / 'index.html'}",
    ]


@pytest.mark.parametrize(
    ("other", "reason"),
    [("raw", "One run standardises its features"), ("other", "features of different extractors")],
)
def test_runs_without_a_common_space_have_no_angles(results, other, reason):
    """The report says why."""
    figures, page = compared(results, "two", other)
    assert figures["subspace_angles_degrees"] == []
    assert reason in page


def test_a_run_is_not_compared_with_itself(results):
    """That is a slip of the keyboard."""
    with pytest.raises(MisuseError, match="name two"):
        compare_runs((str(results / "two"), str(results / "two")), str(results), (), None)


def test_angles_of_turned_planes_are_the_angle_they_were_turned_by():
    """One direction shared, the other turned by 30 degrees."""
    turned = np.radians(30)
    one, other = np.eye(4)[:, :2], np.eye(4)[:, :2].copy()
    other[:, 1] = [0, np.cos(turned), np.sin(turned), 0]
    reductions = [Reduction(9, np.zeros(4), np.ones(4), axes, np.ones(4) / 4, False) for axes in (one, other)]
    np.testing.assert_allclose(principal_angles(*reductions), [0, 30], atol=1e-6)
