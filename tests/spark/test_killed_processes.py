"""Workers and drivers that are killed: no row lost or double, and nothing stays behind."""

import json
from functools import partial

import psutil

from spark_job.pipeline import feature_stage
from tests.spark import doubles, photographs
from tests.spark.processes import PROJECT, left_behind, start, tagged
from tests.spark.runs import run
from tests.waiting import is_running, wait_until, wait_until_gone

DRIVER = """
import sys
from functools import partial
from pathlib import Path
from spark_job.pipeline import feature_stage
from tests.spark import doubles
from tests.spark.runs import run
if __name__ == "__main__":
    images, results, extractor, marker = map(Path, sys.argv[1:])
    feature_stage.worker_engine = doubles.worker_engine_of(partial(doubles.SleepyEngine, str(marker)))
    run(images, results, extractor)
"""


def test_a_killed_worker_is_retried_without_a_lost_or_double_row(tiny_extractor, tmp_path, monkeypatch):
    """Spark tries the share of the dead worker again; its decoder has gone with it."""
    images = photographs.write_archive(tmp_path / "images", {"a": 15, "b": 15})
    marker = tmp_path / "killed.json"
    load = partial(doubles.DyingEngine, str(marker))
    monkeypatch.setattr(feature_stage, "worker_engine", doubles.worker_engine_of(load))
    found = run(images, tmp_path / "results", tiny_extractor)
    expected = sorted(str(path) for path in images.rglob("*.jpg"))
    assert [row["path"] for row in found.features] == expected
    assert [row["path"] for row in found.components] == expected
    assert [row["path"] for row in found.csv("components.csv")] == expected
    assert found.metrics["images"]["usable"] == 30
    dead = json.loads(marker.read_text())
    assert len(dead) >= 2  # the worker and its decoder
    wait_until_gone(*dead)


def is_decoder(process: psutil.Process) -> bool:
    return is_running(process.pid) and "images.isolation" in " ".join(process.cmdline())


def test_nothing_stays_behind_a_driver_that_is_killed_at_work(tiny_extractor, tmp_path):
    """Java, Python workers and decoders end by themselves."""
    images = photographs.write_archive(tmp_path / "images", {"a": 200})
    script, marker = tmp_path / "driver.py", tmp_path / "began"
    script.write_text(DRIVER)
    driver, tag = start([script, images, tmp_path / "results", tiny_extractor, marker], cwd=PROJECT)
    try:
        wait_until(marker.exists, "the workers have begun", 120)
        # They do not inherit the tag, nor anything else of the environment.
        decoders = [child.pid for process in tagged(tag) for child in process.children() if is_decoder(child)]
        assert decoders
        assert any("java" in process.name() for process in tagged(tag))
    finally:
        driver.kill()
        driver.communicate()
    assert left_behind(tag) == []
    wait_until_gone(*decoders)


def test_the_features_are_computed_once(tiny_extractor, tmp_path, monkeypatch):
    """Reduction, CSV files and report read the stored table; the network sees every image once."""
    images = photographs.write_archive(tmp_path / "images", {"a": 9, "b": 8})
    (images / "a" / "empty.jpg").touch()
    counter = tmp_path / "counter"
    load = partial(doubles.CountingEngine, str(counter))
    monkeypatch.setattr(feature_stage, "worker_engine", doubles.worker_engine_of(load))
    run(images, tmp_path / "results", tiny_extractor)
    assert counter.stat().st_size == 17
