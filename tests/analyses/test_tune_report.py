"""The report of a tuning, and its baseline: one serial process on a run's images."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from spark_job.analyses.tuning import write_tuning_report
from spark_job.command_line import cli
from spark_job.contract.tuning import FittedLine, Measurement, Tuning


def invoke(*words: object) -> str:
    """What the command printed; it must succeed."""
    done = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def measurement(executors: int, cores: int, images: int, seconds: float) -> Measurement:
    rate = images / seconds
    return Measurement(
        executors=executors,
        cores=cores,
        images=images,
        seconds=seconds,
        images_per_second=rate,
        speed_up=rate / 50,
        efficiency=rate / 50 / executors / cores,
        usd_per_million_images=2.5 * seconds,
        run=f"run-{executors}x{cores}",
    )


def tuning() -> Tuning:
    grid = [measurement(1, 1, 1000, 21.0), measurement(2, 1, 1000, 11.5), measurement(2, 2, 1000, 7.25)]
    return Tuning(
        place={"stage": "dev", "nodes": "m5.xlarge, 4 vCPU"},
        images=1000,
        serial_seconds=20.0,
        grid=grid,
        sizes=[measurement(2, 2, 250, 3.5), measurement(2, 2, 500, 4.75), grid[2]],
        by_images=FittedLine(2.25, 0.005, 0.99),
        by_cores=FittedLine(2.5, 18.4, None),
        recommended=grid[2],
    )


def test_the_report_shows_grid_lines_and_recommendation(tmp_path: Path) -> None:
    """Page, pictures, measurements and metrics lie in a run folder of its own."""
    page_uri = write_tuning_report(tuning(), str(tmp_path), "t")
    assert page_uri == f"{tmp_path}/t/report/index.html"
    run = tmp_path / "t"
    page = (run / "report" / "index.html").read_text()
    for told in (
        "2 x 2",
        "serial process",
        "5.00 ms for each image: 200 images/s",
        "18.4\N{NO-BREAK SPACE}s / cores",
    ):
        assert told in page
    for name in ("heat_map", "time_by_images", "time_by_cores"):
        assert (run / "report" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((run / "tune.json").read_text()) == tuning().as_json()
    assert json.loads((run / "metrics.json").read_text())["tuning"]["executors"] == 2
    assert json.loads((run / "manifest.json").read_text())["kind"] == "tune"


@pytest.mark.parametrize(("slope", "doubted"), [(0.005, False), (-0.049, True)])
def test_times_that_do_not_grow_with_the_images_are_doubted(
    tmp_path: Path, slope: float, doubted: bool
) -> None:
    """The page says so at its top, and which sample would tell."""
    told = replace(tuning(), by_images=FittedLine(9, slope, 1))
    if doubted:
        told = replace(told, recommended=None, telling_images=800)
    write_tuning_report(told, str(tmp_path), "t")
    page = (tmp_path / "t" / "report" / "index.html").read_text()
    assert ("the sample is too small" in page) is doubted
    assert ("about 800 images would tell: --sample=800" in page) is doubted


def test_the_serial_process_takes_the_images_of_a_run(
    tmp_path: Path, coloured_run: str, tiny_extractor: Path
) -> None:
    """All of them, and says how fast it was."""
    words = ["--like", coloured_run, "--results", tmp_path, "--extractor", tiny_extractor, "--run-id", "s"]
    lines = invoke("time-serial", *words).splitlines()
    assert lines[0] == "images    60 = 60 usable + 0 rejected"
    assert [line.split()[0] for line in lines[1:]] == ["speed", "time", "results", "report"]
    metrics = json.loads((tmp_path / "s" / "metrics.json").read_text())
    assert metrics["images"] == {"usable": 60, "rejected": 0}
    assert metrics["features"]["images_per_second"] > 0
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_text())
    assert (manifest["kind"], manifest["parents"]) == ("time-serial", [coloured_run])
