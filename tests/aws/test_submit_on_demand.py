"""`fruit submit` without a live cluster: the deployed function starts one; all commands know it then."""

import io
import json
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from infra.contract import outputs
from infra.costs.cost import images_per_second_per_vcpu
from operate.connection import Connection
from tests.aws.conftest import REGION, make_cluster
from tests.aws.emr_policies import answer_policies
from tests.aws.launching import DEPLOYED, PREFIX
from tests.aws.stored_runs import store_run_with_rate
from tests.aws.submitting import put_photographs, steps


@pytest.fixture
def emr(deployment, monkeypatch) -> Any:
    """EMR, on which the deploy's cluster has ended."""
    answer_policies(monkeypatch)
    put_photographs()
    client = boto3.client("emr", REGION)
    client.terminate_job_flows(JobFlowIds=[deployment.cluster_id])
    return client


def started(emr, deployment):
    """Every cluster beside that of the deploy."""
    clusters = emr.list_clusters()["Clusters"]
    return [cluster for cluster in clusters if cluster["Id"] != deployment.cluster_id]


REQUESTS = (
    [],
    ["images/Training", "--sample=1", "--seed=3"],
    ["--components=3", "--no-standardize", "--classes=Apple*", "--name=spring"],
    ["--reduction=winter-1", "--precision=bf16", "--all-files"],
    ["--sample-per-class=1", "--job-code"],
)


@pytest.mark.parametrize("words", REQUESTS, ids=" ".join)
def test_a_cluster_starts_for_the_run_with_every_option(operate, deployment, emr, words):
    """It has the run's name and one step, the very words that a dry run shows, and the stage's tags."""
    boto3.client("s3", REGION).put_object(
        Bucket="fruit-results", Key="runs/winter-1/manifest.json", Body=b"{}"
    )
    shown = operate("submit", *words, "--dry-run", "--json")
    assert (shown.exit_code, started(emr, deployment)) == (0, []), shown.err
    done = operate("submit", *words, "--yes", "--json")
    assert done.exit_code == 0, done.err
    (cluster,) = started(emr, deployment)
    assert (cluster["Id"], cluster["Name"]) == (done.json["cluster_id"], PREFIX + shown.json["run_id"])
    (step,) = emr.list_steps(ClusterId=cluster["Id"])["Steps"]
    assert (step["Id"], step["Name"]) == (done.json["step_id"], cluster["Name"])
    assert step["Config"]["Args"] == shown.json["arguments"]
    described = emr.describe_cluster(ClusterId=cluster["Id"])["Cluster"]
    assert {"Key": "stage", "Value": "dev"} in described["Tags"]
    assert (described["AutoTerminate"], step["ActionOnFailure"]) == (True, "CONTINUE")


def test_the_estimate_is_that_of_a_new_cluster(operate, deployment, emr):
    """Its start included, at the price of the largest one, without idle minutes."""
    shown = operate("submit", "--dry-run", "--json")
    expected = shown.json["estimate"]
    assert (expected["new_cluster"], expected["nodes"], expected["idle_minutes"]) == (True, 6, 0)
    assert expected["cost_usd"] == pytest.approx(DEPLOYED.hourly_usd * expected["minutes"] / 60)
    assert "on up to 6 nodes of a new cluster" in shown.err
    told = operate("cost", "--next-run", "--json")
    assert told.json["cost_usd"] == expected["cost_usd"]


def test_the_estimate_learns_from_earlier_runs(operate, emr):
    """A run on the same machines that was a thousand times slower says how long the features take."""
    before = operate("submit", "--dry-run", "--json").json["estimate"]
    assert "infra/costs/rates.json" in before["rate_source"]
    rate = images_per_second_per_vcpu("mobilenet_v2")
    slow = {"images_per_second_per_core": rate / 1000, "megapixels": 2.0}
    store_run_with_rate("run-winter", ["m5.xlarge"], slow)
    shown = operate("submit", "--dry-run", "--json")
    after = shown.json["estimate"]
    features = after["images"] / (rate * DEPLOYED.cores) / 60
    assert after["minutes"] == pytest.approx(before["minutes"] + 999 * features)
    assert after["rate_source"].startswith("from run run-winter of 2026-02-01")
    assert after["rate_source"] in shown.err
    assert operate("cost", "--next-run", "--json").json["rate_source"] == after["rate_source"]
    store_run_with_rate("run-on-other-machines", ["m7g.xlarge"], {**slow, "images_per_second_per_core": rate})
    assert operate("submit", "--dry-run", "--json").json["estimate"] == after


def test_a_cluster_that_emr_has_forgotten_is_no_obstacle(operate, deployment, emr, monkeypatch):
    """After two months nothing is known of the deploy's cluster."""
    forgotten = replace(deployment, outputs={**deployment.outputs, outputs.CLUSTER_ID: "j-FORGOTTEN"})
    monkeypatch.setattr(Connection, "deployment", forgotten)
    done = operate("submit", "--yes")
    assert done.exit_code == 0, done.err
    assert len(started(emr, deployment)) == 1


def test_a_run_under_way_on_its_own_cluster_is_refused(operate, deployment, emr):
    """The same request again would write to the same folder at the same time."""
    first = operate("submit", "--yes", "--json")
    again = operate("submit", "--yes", "--resume")
    assert again.exit_code == 1
    assert f"Error: run {first.json['run_id']} is " in again.err
    assert f"already, step {first.json['step_id']} of cluster {first.json['cluster_id']}" in again.err


def test_a_cluster_that_ends_before_the_answer_is_replaced(operate, deployment, monkeypatch):
    """A person may think longer than an idle cluster waits."""
    answer_policies(monkeypatch)
    put_photographs()
    emr = boto3.client("emr", REGION)

    def add_steps(*_):
        emr.terminate_job_flows(JobFlowIds=[deployment.cluster_id])
        text = "A job flow that is shutting down, terminated, or finished may not be modified."
        raise ClientError({"Error": {"Code": "ValidationException", "Message": text}}, "AddJobFlowSteps")

    monkeypatch.setattr("operate.commands.submit.add_steps", add_steps)
    done = operate("submit", "--yes", "--json")
    assert done.exit_code == 0, done.err
    assert f"cluster {deployment.cluster_id} has ended since: a new one starts" in done.err
    (cluster,) = started(emr, deployment)
    assert cluster["Id"] == done.json["cluster_id"]


def test_what_the_function_refuses_is_one_line(operate, deployment, emr):
    """Two clusters of at most 2 USD an hour are allowed, five dollars in all; a third is not."""
    for name in ("one", "two"):
        assert operate("submit", f"--name={name}", "--yes").exit_code == 0
    done = operate("submit", "--name=three", "--yes")
    assert done.exit_code == 1
    assert done.err.splitlines()[-1] == (
        "Error: 2 other cluster(s) of this stage are up, and with this one all may cost 6.00 USD an hour, "
        "5 are allowed: try again when one has ended, or deploy with a larger max_hourly_cost_usd"
    )
    assert len(started(emr, deployment)) == 2


def test_a_function_that_fails_is_said_in_one_line(operate, deployment, emr, monkeypatch):
    """With its own words, and where to look."""

    def failing(*_):
        payload = io.BytesIO(json.dumps({"errorMessage": "Task timed out"}).encode())
        return {"Payload": payload, "FunctionError": "Unhandled"}

    monkeypatch.setattr(BaseClient, "_make_api_call", failing)
    monkeypatch.setattr(Connection, "deployment", deployment)
    done = operate("submit", "--yes")
    assert done.exit_code == 1
    assert "Error: the function fruit-launcher failed: Task timed out; its log in CloudWatch" in done.err


def test_the_function_is_not_asked_twice_while_it_works(aws):
    """It may take minutes; the second call would be refused, and the person told that the run was refused."""
    assert Connection("dev", REGION).client("lambda").meta.config.read_timeout >= 900


def test_every_command_finds_the_run_on_its_own_cluster(operate, deployment, emr):
    """By its id alone, while another cluster has the next run; status and cost show both clusters."""
    runs = [operate("submit", f"--name={name}", "--yes", "--json").json for name in ("one", "two")]
    ids = {run["cluster_id"] for run in runs}
    assert {each["cluster_id"] for each in operate("status", "--json").json["clusters"]} == ids
    assert {each["cluster_id"] for each in operate("cost", "--json").json["clusters"]} == ids
    for run in runs:
        told = operate("status", run["run_id"], "--json")
        assert told.json["step_id"] == run["step_id"], told.err
        logs = operate("logs", run["run_id"])
        assert f"s3://fruit-logs/emr/{run['cluster_id']}/steps/{run['step_id']}/" in logs.err
    listed = {run["run"] for run in operate("runs", "--json").json}
    assert listed >= {run["run_id"] for run in runs}
    tunnel = operate("tunnel")
    assert "2 clusters are up: choose one with --cluster: " in tunnel.err


def test_a_run_that_goes_on_elsewhere_is_found_where_it_is(operate, deployment):
    """Its first cluster, which has its name, has ended; what is left runs on the one that is up."""
    emr = boto3.client("emr", REGION)
    ended = make_cluster(PREFIX + "spring-1")
    emr.terminate_job_flows(JobFlowIds=[ended])
    again: Any = {"Name": PREFIX + "spring-1", "HadoopJarStep": {"Jar": "command-runner.jar"}}
    added = emr.add_job_flow_steps(JobFlowId=deployment.cluster_id, Steps=[again])
    told = operate("status", "spring-1", "--json")
    assert told.json["step_id"] == added["StepIds"][0]


def test_an_ended_cluster_is_still_shown(operate, deployment, emr):
    """When none is up, the latest; its page is gone."""
    (shown,) = operate("status", "--json").json["clusters"]
    assert (shown["cluster_id"], shown["state"]) == (deployment.cluster_id, "TERMINATED")
    assert f"cluster {deployment.cluster_id} is TERMINATED: its pages are gone" in operate("tunnel").err


def test_no_cluster_at_all_is_no_error(operate, deployment, emr, monkeypatch):
    """EMR has forgotten the last one; the message says how to get another."""
    monkeypatch.setattr("operate.runs.run_history.list_clusters", lambda *_: [])
    told = operate("status", "--json")
    assert (told.exit_code, told.json) == (0, {"clusters": []})
    assert "EMR remembers no cluster of dev: `fruit submit --stage=dev` starts one" in told.err
    assert operate("cost", "--json").json["total_usd"] == 0
    assert "there are no steps yet" in operate("logs").err


def test_the_live_cluster_is_used_while_there_is_one(operate, deployment, monkeypatch):
    """A step more, and no new cluster."""
    answer_policies(monkeypatch)
    put_photographs()
    done = operate("submit", "--yes", "--json")
    assert done.json["cluster_id"] == deployment.cluster_id
    assert len(steps(deployment)) == 2
    assert started(boto3.client("emr", REGION), deployment) == []
