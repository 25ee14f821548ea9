"""The function that stops runs which cost as much as they may, minute by minute, without AWS."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest

from infra.config.deployment import DeploymentConfig
from infra.costs.cost import largest_hourly_cost
from infra.run.functions.cost_limit.handler import SECONDS_TO_STOP, CostLimits, max_cost
from spark_job.contract.progress import Progress
from tests.doubles import Double

PREFIX = "fruit-features-dev-"
START = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOUR = 0.3
NODES = 7


class Account(Double):
    """EMR and S3 of one run: nodes that are up from START on, a step, and what was written of it."""

    def __init__(self, *, cap: str | None, earlier_step_ends: float | None = None) -> None:
        self.arguments = ["run", *([f"--max-cost={cap}"] if cap else [])]
        self.earlier, self.ended = earlier_step_ends, False
        self.told: list[dict[str, Any]] = []
        self.published: list[dict[str, float]] = []
        self.progress: dict[str, Any] | None = None
        self.refusals = 0

    def get_paginator(self, operation):
        page = getattr(self, operation)
        return type("Pages", (), {"paginate": lambda _, **request: [page(**request)]})()

    def list_clusters(self, **_):
        status = {"Timeline": {"CreationDateTime": START}}
        names = [] if self.ended else [PREFIX + "run-1", "somebody-elses"]
        return {"Clusters": [{"Id": f"j-{name}", "Name": name, "Status": status} for name in names]}

    def list_steps(self, ClusterId):  # noqa: N803 (EMR's name)
        assert ClusterId == f"j-{PREFIX}run-1"
        steps = [("run-1", "RUNNING", {})]
        if self.earlier is not None:
            steps.append(("run-0", "COMPLETED", {"EndDateTime": after(self.earlier)}))
        return {
            "Steps": [
                {
                    "Name": PREFIX + run,
                    "Status": {"State": state, "Timeline": timeline},
                    "Config": {"Args": self.arguments},
                }
                for run, state, timeline in steps
            ]
        }

    def list_instances(self, **_):
        if self.refusals:
            self.refusals -= 1
            raise RuntimeError("slow down")
        node = {"InstanceType": "m5.xlarge", "Status": {"Timeline": {"CreationDateTime": START}}}
        return {"Instances": [node] * NODES}

    def put_object(self, Bucket, Key, Body):  # noqa: N803
        assert (Bucket, Key) == ("results", "runs/run-1/cost.json")
        self.told.append(json.loads(Body))

    def get_object(self, Bucket, Key):  # noqa: N803
        assert (Bucket, Key) == ("results", "runs/run-1/progress.json")
        if self.progress is None:
            raise RuntimeError("no such key")
        return {"Body": BytesIO(json.dumps(self.progress).encode())}

    def put_metric_data(self, Namespace, MetricData):  # noqa: N803
        assert Namespace == "FruitFeatures"
        for datum in MetricData:
            assert datum["Dimensions"] == [{"Name": "Stage", "Value": "dev"}]
        self.published.append({datum["MetricName"]: datum["Value"] for datum in MetricData})

    def terminate_job_flows(self, JobFlowIds):  # noqa: N803
        assert JobFlowIds == [f"j-{PREFIX}run-1"]
        self.ended = True

    def look(self, minutes: float) -> None:
        limits = CostLimits(
            self, self, self, PREFIX, "results/runs", {"m5.xlarge": HOUR}, None, "FruitFeatures", "dev"
        )
        limits.look(after(minutes))


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def cost(minutes: float) -> float:
    return NODES * HOUR * minutes / 60


def test_a_run_is_told_what_it_has_cost_and_when_to_stop() -> None:
    """Early enough for all that comes after: its cost in the end is within the cap."""
    account = Account(cap="1")
    minutes = 0
    while not account.told or not account.told[-1]["stop"]:
        minutes += 1
        account.look(minutes)
    assert account.told[-1]["cost_usd"] == pytest.approx(cost(minutes))
    assert account.told[-1]["instance_types"] == ["m5.xlarge"]
    assert [one["stop"] for one in account.told] == [False] * (minutes - 1) + [True]
    # The driver looks within ten seconds, cancels after sixty, and its cluster ends within three minutes.
    assert 0.8 < cost(minutes + (10 + 60 + 180) / 60) <= 1
    assert not account.ended


def test_a_minute_in_which_the_function_fails_costs_no_more_than_that_minute(capsys) -> None:
    """It is an error of the function, and the next minute looks again."""
    account = Account(cap="1")
    last = int(60 / (NODES * HOUR) - SECONDS_TO_STOP / 60)
    account.look(last)
    account.refusals = 1
    with pytest.raises(RuntimeError, match="slow down"):
        account.look(last + 1)
    assert "slow down" in capsys.readouterr().out
    account.look(last + 2)
    assert [one["stop"] for one in account.told] == [False, True]
    assert cost(last + 2 + (10 + 60 + 180) / 60) <= 1 + cost(1)


def test_a_cluster_whose_driver_does_not_stop_is_ended() -> None:
    """At the cap itself, and not before."""
    account = Account(cap="1")
    account.look(60 / (NODES * HOUR) - 0.5)
    assert (account.told[-1]["stop"], account.ended) == (True, False)
    account.look(60 / (NODES * HOUR) + 0.01)
    assert account.ended


def test_a_run_on_a_warm_cluster_pays_from_the_end_of_the_step_before() -> None:
    """What the cluster has cost until then was another run's."""
    account = Account(cap="1", earlier_step_ends=20)
    account.look(30)
    assert account.told[-1]["cost_usd"] == pytest.approx(cost(10))


def test_a_run_without_a_cap_is_told_its_cost_alone() -> None:
    """It is neither stopped nor ended; what its step says goes before the deployment's limit."""
    account = Account(cap=None)
    account.look(600)
    assert [(one["cost_usd"], one["stop"]) for one in account.told] == [(pytest.approx(cost(600)), False)]
    assert not account.ended
    assert max_cost(["run", "--max-cost=0.5"], 5.0) == 0.5
    assert max_cost(["run"], 5.0) == 5.0


def test_the_end_of_a_run_costs_little_beside_the_smallest_sensible_cap() -> None:
    """What is kept back for it, with the default cluster at its largest."""
    config = DeploymentConfig()
    hourly_usd = largest_hourly_cost(config.fleets, config.region, public=config.public_nodes)
    assert hourly_usd * SECONDS_TO_STOP / 3600 < 0.2


def test_the_account_s_metrics_say_how_far_the_runs_are(capsys) -> None:
    """Counts, rate and money, and no name; before and after the features there are no images to count."""
    account = Account(cap=None)
    account.look(10)
    assert account.published.pop() == {"CostSoFarUsd": pytest.approx(cost(10))}
    account.progress = Progress(
        stage="features", done=500, total=900, images_per_second=2.5, rejected=0, reason="a/private.jpg"
    ).to_json()
    account.look(11)
    assert account.published.pop() == {
        "CostSoFarUsd": pytest.approx(cost(11)),
        "ImagesDone": 500,
        "ImagesPerMinute": 150,
        "ImagesRejectedSoFar": 0,
    }
    account.progress = Progress(stage="reduction", done=0).to_json()
    account.look(12)
    assert set(account.published.pop()) == {"CostSoFarUsd"}
    account.ended = True
    account.look(13)
    assert account.published == []
