"""`fruit tune`: the steps it submits, what it makes of their times, and what it leaves."""

import json

import boto3
import pytest

from operate.commands.tune import configure
from operate.runs.watch import StepFailedError
from operate.tuning import measuring as tuning_run
from tests.aws.conftest import REGION
from tests.aws.emr_policies import answer_policies
from tests.aws.submitting import steps

IMAGES = 40


@pytest.fixture(autouse=True)
def archive(monkeypatch, deployment):
    answer_policies(monkeypatch)
    s3 = boto3.client("s3", REGION)
    for number in range(IMAGES):
        s3.put_object(Bucket="fruit-images", Key=f"Training/Apple/{number}.jpg", Body=b"jpg")


def value(words, option):
    return next(word.removeprefix(option + "=") for word in words if word.startswith(option + "="))


class Cluster:
    """Ends every step at once: a run in 0.5 s + 0.1 s an image / cores, the serial one in 0.2 s an image."""

    def __init__(self, missing_cores=0, start_seconds=0.5):
        self.missing_cores, self.start_seconds = missing_cores, start_seconds

    def run(self, connection, cluster_id, step_id):
        found = connection.client("emr").describe_step(ClusterId=cluster_id, StepId=step_id)
        words = found["Step"]["Config"]["Args"]
        if "time-serial" in words:
            images, features = IMAGES, {"images_per_second": 5.0}
        else:
            images = int(value(words, "--sample"))
            cores = int(value(words, "--conf=spark.executor.instances")) * int(
                value(words, "--conf=spark.executor.cores")
            )
            features = {
                "images_per_second": images / (self.start_seconds + 0.1 * images / cores),
                "cores": max(cores, 2) - self.missing_cores,
            }
        metrics = {"images": {"usable": images, "rejected": 0}, "features": features}
        boto3.client("s3", REGION).put_object(
            Bucket="fruit-results",
            Key=f"runs/{value(words, '--run-id')}/metrics.json",
            Body=json.dumps(metrics),
        )


def tune(operate, folder, *more):
    return operate(
        "tune",
        "--executors=1,2",
        "--cores=1,2",
        f"--results={folder}",
        f"--configuration={folder / 'cdk.json'}",
        "--yes",
        "--json",
        *more,
    )


def test_every_point_is_measured_and_one_is_recommended(operate, deployment, monkeypatch, tmp_path):
    """Four pairs on all images, the largest on two smaller sizes, the serial process; report and fields."""
    monkeypatch.setattr(tuning_run, "wait_for_outcome", Cluster().run)
    done = tune(operate, tmp_path)
    assert done.exit_code == 0, done.err
    told = done.json
    assert [(each["executors"], each["cores"]) for each in told["grid"]] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert [each["images"] for each in told["sizes"]] == [10, 20, 40]
    assert told["serial_seconds"] == pytest.approx(8.0)
    assert (told["by_images"]["fixed_seconds"], told["by_images"]["slope"]) == pytest.approx((0.5, 0.025))
    assert (told["by_cores"]["fixed_seconds"], told["by_cores"]["slope"]) == pytest.approx((0.5, 4))
    assert told["configuration"] == {"executors": 2, "executor_cores": 2}
    assert (
        json.loads((tmp_path / "cdk.json").read_text())["context"]["stages"]["dev"] == told["configuration"]
    )
    (page,) = tmp_path.glob("tune-*/report/index.html")
    assert told["report"] == str(page)
    assert json.loads((page.parents[1] / "tune.json").read_text())["grid"] == told["grid"]


def test_of_a_sample_in_which_the_start_decides_nothing_is_recommended(
    operate, deployment, monkeypatch, tmp_path
):
    """The command says which sample would tell, and writes no configuration."""
    monkeypatch.setattr(tuning_run, "wait_for_outcome", Cluster(start_seconds=5).run)
    monkeypatch.setattr("operate.commands.tune._report", lambda *_: "page")
    done = tune(operate, tmp_path)
    assert done.exit_code == 0, done.err
    assert (done.json["recommended"], done.json["configuration"]) == (None, {})
    assert not (tmp_path / "cdk.json").exists()
    assert "start of the workers" in done.err
    assert "about 800 images would tell: --sample=800" in done.err


def test_all_points_use_one_sample_and_the_serial_process_takes_its_images(operate, deployment, tmp_path):
    """A dry run shows the steps and submits none."""
    done = tune(operate, tmp_path, "--dry-run")
    assert done.exit_code == 0, done.err
    *runs, serial = done.json
    assert [value(words, "--sample") for words in runs] == ["40"] * 4 + ["10", "20"]
    assert {value(words, "--seed") for words in runs} == {"0"}
    assert value(serial, "--like").endswith("/" + value(runs[0], "--run-id"))
    assert not [word for word in serial if word.startswith("--conf=spark.executor.instances")]
    assert all(len(words) == len(set(words)) for words in done.json)
    assert len(steps(deployment)) == 1


def test_executors_that_did_not_come_are_an_error(operate, deployment, monkeypatch, tmp_path):
    """Such a time would say something of another point."""
    monkeypatch.setattr(tuning_run, "wait_for_outcome", Cluster(missing_cores=1).run)
    monkeypatch.setattr(tuning_run, "cancel_step", lambda *_: None)
    done = tune(operate, tmp_path)
    assert done.exit_code == 1
    assert "had 1 cores instead of 2" in done.err
    assert not (tmp_path / "cdk.json").exists()


def test_after_a_failed_step_those_that_wait_are_cancelled(operate, deployment, monkeypatch, tmp_path):
    """They would cost money and mean nothing."""

    def fails(*_):
        raise StepFailedError("step s-1 FAILED")

    cancelled = []
    monkeypatch.setattr(tuning_run, "wait_for_outcome", fails)
    monkeypatch.setattr(tuning_run, "cancel_step", lambda _, __, step_id: cancelled.append(step_id))
    done = tune(operate, tmp_path)
    assert (done.exit_code, "step s-1 FAILED" in done.err) == (1, True)
    assert len(cancelled) == 7
    assert set(cancelled) <= {step["Id"] for step in steps(deployment)}


def test_the_configuration_keeps_all_that_it_said(tmp_path):
    """Only the fields of the stage are written."""
    file = tmp_path / "cdk.json"
    file.write_text(json.dumps({"app": "x", "context": {"run": "a", "stages": {"prod": {"variance": 0.9}}}}))
    configure(file, "prod", {"executors": 3})
    assert json.loads(file.read_text()) == {
        "app": "x",
        "context": {"run": "a", "stages": {"prod": {"variance": 0.9, "executors": 3}}},
    }
