"""`fruit submit`: one step more on the live cluster, never by accident, never twice."""

import pytest

from operate.commands.submit import _next_commands
from operate.connection import Connection
from tests.aws.conftest import REGION, RUN
from tests.aws.emr_policies import answer_policies
from tests.aws.submitting import put_photographs, steps

PREFIX = "fruit-features-dev-"


@pytest.fixture(autouse=True)
def policies(monkeypatch):
    answer_policies(monkeypatch)


@pytest.fixture
def photographs(deployment):
    return put_photographs()


def test_a_run_is_submitted_with_its_images_as_one_argument(operate, deployment, photographs):
    """The step carries the name that the end-of-run function knows, and the folder with the space whole."""
    done = operate("submit", "images/Training/Apple Red", "--sample=1", "--yes", "--json")
    assert done.exit_code == 0, done.err
    step = next(step for step in steps(deployment) if step["Id"] == done.json["step_id"])
    assert step["Name"] == PREFIX + done.json["run_id"]
    assert step["ActionOnFailure"] == "CONTINUE"
    assert "--images=s3://fruit-images/Training/Apple Red" in step["Config"]["Args"]
    assert "--sample=1" in step["Config"]["Args"]
    assert done.json["estimate"]["images"] == 1


def test_all_sources_are_the_default_and_the_next_commands_are_told(operate, deployment, photographs):
    """Without arguments; the output holds what can be typed next."""
    done = operate("submit", "--yes")
    assert done.exit_code == 0, done.err
    words = steps(deployment)[0]["Config"]["Args"]
    assert [word for word in words if word.startswith("--images=")] == [
        "--images=s3://fruit-images",
        "--images=s3://fruit-taillefixe",
    ]
    run = steps(deployment)[0]["Name"].removeprefix(PREFIX)
    assert f"fruit status {run} --stage=dev" in done.out
    assert f"fetch {run} --to=results" in done.out
    assert "fruit status" not in _next_commands(Connection("dev", REGION), run, ended=True)


def test_a_dry_run_submits_nothing(operate, deployment, photographs):
    """It prints the step's arguments, one a line, and the estimate with its source."""
    done = operate("submit", "--dry-run")
    assert done.exit_code == 0, done.err
    assert done.out.splitlines()[0] == "spark-submit"
    assert "(infra/costs/prices.json)" in done.err
    assert "an upper bound" in done.err
    assert len(steps(deployment)) == 1


def test_one_more_photograph_makes_another_run(operate, deployment, photographs):
    """The run id holds a fingerprint of the listing."""
    before = operate("submit", "--dry-run", "--json").json["run_id"]
    photographs.put_object(Bucket="fruit-images", Key="Training/Pear/1.jpg", Body=b"jpg")
    assert operate("submit", "--dry-run", "--json").json["run_id"] != before


def test_another_table_of_labels_makes_another_run(operate, deployment, photographs):
    """Though it lies beside the images that are asked for; one that is not there is refused."""
    words = ("submit", "images/Training", "--labels=s3://fruit-images/labels.csv", "--dry-run", "--json")
    assert "labels.csv: there is no such object: copy the table there" in operate(*words).err
    photographs.put_object(Bucket="fruit-images", Key="labels.csv", Body=b"path,label\na.jpg,a\n")
    before = operate(*words).json
    assert "--labels=s3://fruit-images/labels.csv" in before["arguments"]
    photographs.put_object(Bucket="fruit-images", Key="labels.csv", Body=b"path,label\na.jpg,b\n")
    assert operate(*words).json["run_id"] != before["run_id"]


def test_a_cost_limit_goes_to_the_run_and_names_no_other_one(operate, deployment, photographs):
    """So that `--resume` with a higher limit goes on with the same run."""
    free = operate("submit", "--dry-run", "--json").json
    limited = operate("submit", "--max-cost=0.5", "--dry-run", "--json").json
    assert "--max-cost=0.5" in limited["arguments"]
    assert limited["run_id"] == free["run_id"]
    assert operate("submit", "--max-cost=0").exit_code == 2


def test_an_earlier_reduction_is_applied_by_its_run_id(operate, deployment, photographs):
    """Its folder is passed to the job; one that is not there is refused."""
    missing = operate("submit", "--reduction=spring-1", "--yes")
    assert missing.exit_code == 1
    assert "--reduction spring-1: no complete run there" in missing.err
    photographs.put_object(Bucket="fruit-results", Key="runs/spring-1/manifest.json", Body=b"{}")
    done = operate("submit", "--reduction=spring-1", "--yes", "--json")
    assert "--reduction=s3://fruit-results/runs/spring-1" in done.json["arguments"]


def test_the_working_trees_job_is_uploaded_by_its_hash(operate, deployment, photographs):
    """Package and entry point lie below jobs/, and the step starts them; the run id is another one."""
    deployed = operate("submit", "--dry-run", "--json").json["run_id"]
    done = operate("submit", "--job-code", "--yes", "--json")
    assert done.exit_code == 0, done.err
    assert done.json["run_id"] != deployed
    kept = photographs.list_objects_v2(Bucket="fruit-artifacts", Prefix="jobs/")["Contents"]
    names = sorted(entry["Key"].rpartition("/")[2] for entry in kept)
    assert names == ["main.py", "spark_job.zip"]
    assert f"s3://fruit-artifacts/{kept[0]['Key']}" in done.json["arguments"]


def test_waiting_returns_the_outcome_of_a_failed_run(operate, deployment, photographs, monkeypatch):
    """Exit code 1; the reason, the driver's last lines and the logs' URI are told."""
    from operate.emr.steps import Step
    from operate.runs import watch

    def failed(emr, cluster_id, step_id, say, **_):
        folder = f"emr/{cluster_id}"
        for key, text in {
            f"steps/{step_id}/stderr.gz": "Submitted application application_1_0001",
            "containers/application_1_0001/container_1_0001_01_000001/stderr.gz": "Error: disk full",
        }.items():
            photographs.put_object(Bucket="fruit-logs", Key=f"{folder}/{key}", Body=text.encode())
        return Step(step_id, PREFIX + run, "FAILED", (), None, None, None, "Unknown Error")

    told = b'{"cost_usd": 0.41, "max_cost_usd": 0.5, "stop": true}'
    run = operate("submit", "--dry-run", "--json").json["run_id"]
    photographs.put_object(Bucket="fruit-results", Key=f"runs/{run}/cost.json", Body=told)
    monkeypatch.setattr(watch, "follow", failed)
    done = operate("submit", "--yes", "--wait", "--resume")
    assert done.exit_code == 1
    assert "| Error: disk full" in done.err
    assert "FAILED: Unknown Error; logs s3://fruit-logs/emr/" in done.err.splitlines()[-1]
    assert "its cost limit was reached: 0.41 of 0.50 USD" in done.err.splitlines()[-1]


def test_the_deployments_own_run_is_not_repeated_by_accident(operate, deployment, photographs):
    """A submitted run has an id of its own."""
    assert operate("submit", "--dry-run", "--json").json["run_id"] != RUN
