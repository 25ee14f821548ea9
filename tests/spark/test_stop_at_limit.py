"""A run stops when the account says that it has cost as much as it may, and goes on with a higher limit."""

import json
from datetime import UTC, datetime
from functools import partial
from threading import Thread

import pytest

from spark_job.contract.run_layout import COST
from spark_job.errors import CostLimitError
from spark_job.features import table
from spark_job.pipeline import feature_stage, progress
from tests.spark import doubles, photographs
from tests.spark.runs import run
from tests.waiting import wait_until


def say(folder, stop):
    """What the function in the account writes, once parts are there."""
    wait_until(lambda: len(list((folder / "features").glob("*.parquet"))) > 1, "parts are there", 60)
    told = {"cost_usd": 0.41, "max_cost_usd": 0.5, "stop": stop, "written": str(datetime.now(UTC))}
    told["instance_types"] = ["m5.xlarge"]
    (folder / COST).write_text(json.dumps(told))


def test_a_complete_run_says_what_it_has_cost(tiny_extractor, tmp_path, monkeypatch):
    """And on which machines, by the account's last look; before there is one, nothing is known."""
    images = photographs.write_archive(tmp_path / "images", {"a": 20})
    monkeypatch.setattr(table, "IMAGES_PER_TASK", 2)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 0.1)
    monkeypatch.setattr(feature_stage, "worker_engine", doubles.worker_engine_of(doubles.SlowEngine))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / COST).write_text("{}")  # of the start of the cluster, before there is a driver
    Thread(target=say, args=[tmp_path / "run", False], daemon=True).start()
    manifest = run(images, tmp_path, tiny_extractor).json("manifest.json")
    assert (manifest["cost_usd"], manifest["instance_types"]) == (0.41, ["m5.xlarge"])


def test_a_run_stops_at_its_limit_and_goes_on_with_a_higher_one(tiny_extractor, tmp_path, monkeypatch):
    """Its parts stay; what an earlier attempt was told does not stop the next one."""
    images = photographs.write_archive(tmp_path / "images", {"a": 60})
    monkeypatch.setattr(table, "IMAGES_PER_TASK", 3)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 0.1)
    monkeypatch.setattr(progress, "SECONDS_TO_FINISH", 0.0)
    monkeypatch.setattr(feature_stage, "worker_engine", doubles.worker_engine_of(doubles.SlowEngine))
    Thread(target=say, args=[tmp_path / "run", True], daemon=True).start()
    stopped = r"it has cost 0.41 of at most 0.50 USD, .* --resume and a higher --max-cost"
    with pytest.raises(CostLimitError, match=stopped):
        run(images, tmp_path, tiny_extractor)
    finished = len(list((tmp_path / "run" / "features").glob("*.parquet")))
    assert 2 <= finished < 20
    counter = tmp_path / "counter"
    count = partial(doubles.CountingEngine, str(counter))
    monkeypatch.setattr(feature_stage, "worker_engine", doubles.worker_engine_of(count))
    found = run(images, tmp_path, tiny_extractor, resume=True)
    assert len(found.features) == 60
    assert counter.stat().st_size <= 60 - 3 * finished  # a task that was cancelled may have finished its part
