"""`fruit status`, `cancel`, `cost` and `tunnel` on a live cluster and on one that has ended."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.contract.names import cost_tags
from operate.commands.status import idle_end
from operate.emr.clusters import Cluster
from operate.emr.steps import Step
from tests.aws.conftest import REGION, RUN, make_pipeline
from tests.aws.emr_policies import answer_policies
from tests.aws.submitting import put_photographs
from tests.rehearsal.emr.emr_client import EmrClient, answers_of, step, until

MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def policies(monkeypatch):
    answer_policies(monkeypatch)


@pytest.fixture
def emr(deployment):
    return boto3.client("emr", REGION)


def cluster(state="WAITING"):
    return Cluster("j-1", "n", state, "", MOMENT, MOMENT, None, "emr-7.13.0")


def ended_step(minutes):
    return Step("s-1", "n", "COMPLETED", (), MOMENT, MOMENT, MOMENT + timedelta(minutes=minutes), "")


def test_status_tells_cluster_nodes_and_steps(operate, deployment):
    """For people, and the same as JSON."""
    told = operate("status")
    assert told.exit_code == 0, told.err
    assert deployment.cluster_id in told.out
    assert f"fruit-features-dev-{RUN}" in told.out
    (facts,) = operate("status", "--json").json["clusters"]
    assert facts["cluster_id"] == deployment.cluster_id
    assert [step["name"] for step in facts["steps"]] == [f"fruit-features-dev-{RUN}"]
    assert [fleet["kind"] for fleet in facts["fleets"]] == ["MASTER", "CORE"]
    assert len(facts["nodes"]) == 3
    assert facts["cost_usd_so_far"] > 0


def test_an_idle_cluster_ends_a_timeout_after_its_last_step():
    """Or after it was ready, when none came; a working one has no such time."""
    half_an_hour = timedelta(minutes=30)
    assert idle_end(cluster(), [ended_step(10)], half_an_hour) == MOMENT + timedelta(minutes=40)
    assert idle_end(cluster(), [], half_an_hour) == MOMENT + half_an_hour
    assert idle_end(cluster("RUNNING"), [ended_step(10)], half_an_hour) is None
    assert idle_end(cluster(), [ended_step(10)], None) is None


def test_status_works_for_whoever_may_not_see_the_policy(operate, deployment, monkeypatch):
    """The time of the end is missing, nothing else."""
    answer_policies(monkeypatch, denied=True)
    told = operate("status", "--json")
    assert (told.exit_code, told.json["clusters"][0]["ends_when_idle_at"]) == (0, None)


def test_a_run_is_found_by_its_id_and_an_unknown_one_is_refused(operate, deployment):
    """The message names the runs that there are."""
    assert operate("status", RUN, "--json").json["name"] == f"fruit-features-dev-{RUN}"
    unknown = operate("status", "spring-1")
    assert unknown.exit_code == 1
    assert unknown.err == (
        f"Error: no step spring-1 on a cluster that EMR remembers; the latest runs: {RUN}; "
        "`runs` lists all that have results\n"
    )


def test_status_says_how_far_a_run_is(operate, deployment):
    """As its driver has written it, with what the nodes have cost."""
    content = b'{"stage": "features", "done": 96, "total": 480, "moved": ""}'
    boto3.client("s3", REGION).put_object(
        Bucket="fruit-results", Key=f"runs/{RUN}/progress.json", Body=content
    )
    assert "features: 96 of 480 images" in operate("status", RUN).out
    told = operate("status", RUN, "--json").json["progress"]
    assert (told["done"], told["total"]) == (96, 480)
    assert told["cost_usd"] > 0


def test_an_unknown_cluster_is_refused_in_one_line(operate, deployment):
    """EMR forgets them after two months."""
    told = operate("status", "--cluster=j-NONE")
    assert told.exit_code == 1
    assert "EMR knows no cluster j-NONE" in told.err


@pytest.fixture
def rehearsed(storage, monkeypatch):
    """The rehearsal's EMR in the place of moto's, whose steps never end, and a deployment of it."""
    emr = EmrClient()
    session: Any = boto3.Session(region_name=REGION)
    session.events.register_first("before-send.emr", answers_of(emr.service))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    tags = [{"Key": key, "Value": value} for key, value in cost_tags("dev").items()]
    make_pipeline(emr.run(Name=f"fruit-features-dev-{RUN}", Tags=tags))
    with mock_aws(config={"core": {"passthrough": {"services": ["emr"]}}}):
        yield emr
    emr.service.stop()


def test_a_step_that_runs_is_cancelled(operate, rehearsed):
    """By its run id; EMR ends its process."""
    ((cluster_id, machine),) = rehearsed.computes.items()
    steps = [step("fruit-features-dev-spring-1", "wait")]
    rehearsed.call("AddJobFlowSteps", JobFlowId=cluster_id, Steps=steps)
    until(lambda: len(machine.programs) == 1)
    done = operate("cancel", "spring-1", "--yes")
    assert done.exit_code == 0, done.err
    until(lambda: rehearsed.step_states(cluster_id) == ["CANCELLED"])
    assert machine.programs[0].forced is True


def test_a_step_that_ended_is_not_cancelled(operate, deployment, monkeypatch):
    """Exit code 1, and nothing is asked."""
    monkeypatch.setattr("operate.runs.run_history.list_steps", lambda *_: [ended_step(1)])
    done = operate("cancel", "--yes")
    assert done.exit_code == 1
    assert "is COMPLETED already: nothing to cancel" in done.err


def test_cost_names_source_and_error_of_each_figure(operate, deployment):
    """Three nodes of one type make one line; the total is their sum."""
    told = operate("cost", "--json")
    assert told.exit_code == 0, told.err
    (account,) = told.json["clusters"]
    assert sum(line["nodes"] for line in account["lines"]) == 3
    assert all(line["source"] and line["expected_error"] for line in account["lines"])
    assert told.json["total_usd"] == pytest.approx(sum(line["cost_usd"] for line in account["lines"]))


def test_the_cost_of_a_run_is_its_share_of_its_cluster(operate, deployment):
    """The only run of a cluster pays for all of it."""
    told, whole = operate("cost", RUN, "--json"), operate("cost", "--json")
    assert told.exit_code == 0, told.err
    assert told.json["total_usd"] == pytest.approx(whole.json["total_usd"], rel=0.1)
    assert told.json["estimate"] is None


def test_the_cost_of_a_finished_run_stands_beside_its_estimate(operate, deployment):
    """That of as many images as it had, on a cluster of its own."""
    metrics = json.dumps({"images": {"usable": 900, "rejected": 100}})
    boto3.client("s3", REGION).put_object(
        Bucket=deployment.results_bucket, Key=f"runs/{RUN}/metrics.json", Body=metrics
    )
    told = operate("cost", RUN, "--json")
    assert told.exit_code == 0, told.err
    assert (told.json["estimate"]["images"], told.json["estimate"]["new_cluster"]) == (1_000, True)
    assert f"it has cost {told.json['total_usd']:.2f} USD; estimated before: 1,000 files" in told.err


def test_the_cost_of_a_month_is_that_of_its_runs(operate, deployment):
    """Those that EMR has forgotten cost what their manifests say; what is not known is no zero."""
    for run, created, cost in (
        ("old", "2026-02-01T00:30:00+00:00", 0.41),
        ("older", "2026-02-01T00:30:00+01:00", 7),
        ("unknown", "2026-02-28T10:00:00+00:00", None),
    ):
        boto3.client("s3", REGION).put_object(
            Bucket=deployment.results_bucket,
            Key=f"runs/{run}/manifest.json",
            Body=json.dumps({"created": created, "cost_usd": cost}),
        )
    told = operate("cost", "--month=2026-02", "--json").json
    assert [(run["run"], run["cost_usd"]) for run in told["runs"]] == [("unknown", None), ("old", 0.41)]
    assert told["total_usd"] == 0.41
    lines = [" ".join(line.split()) for line in operate("cost", "--month=2026-02").out.splitlines()]
    assert lines[1:] == [
        "unknown 28 Feb 2026, 10:00 complete not known",
        "old 1 Feb 2026, 00:30 complete 0.41",
        "total 1 not known 0.41",
    ]
    (submitted,) = [run["created"] for run in operate("runs", "--json").json if run["run"] == RUN]
    this_month = operate("cost", f"--month={submitted[:7]}", "--json").json
    assert [run["run"] for run in this_month["runs"]] == [RUN]
    assert this_month["total_usd"] == pytest.approx(operate("cost", "--json").json["total_usd"], rel=0.1)


def test_cost_of_days_counts_this_stages_clusters_alone(operate, deployment, emr):
    """Another stage's cluster is not ours to count."""
    emr.run_job_flow(
        Name="fruit-features-prod-run-1",
        Instances={"InstanceCount": 1, "MasterInstanceType": "m5.xlarge"},
        JobFlowRole="i",
        ServiceRole="s",
    )
    told = operate("cost", "--days=2", "--json")
    assert told.exit_code == 0, told.err
    assert [each["cluster_id"] for each in told.json["clusters"]] == [deployment.cluster_id]


def test_the_cost_of_the_next_run_is_an_estimate_with_source_and_error(operate, deployment):
    """On all images, before anything is submitted."""
    put_photographs()
    told = operate("cost", "--next-run", "--json")
    assert told.exit_code == 0, told.err
    assert told.json["images"] == 2
    assert told.json["cost_usd"] > 0
    assert "infra/costs/prices.json" in told.json["source"]
    assert told.json["expected_error"].startswith("an upper bound")
