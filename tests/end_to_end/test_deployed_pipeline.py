"""One deployment of dev with the real CDK command line, from empty buckets to nothing left.

The tests follow its life in order; each event happens once, in a fixture. Clusters beside the first one are
made every night (`long`): in `make test`, tests/rehearsal/emulator/test_life.py makes them, and their
programs end at once.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from operate.connection import Connection
from operate.removal import deployed_resources
from rehearsal.asking import ask
from rehearsal.demo.kinds import KINDS
from rehearsal.emulator.permissions.record import Replay
from rehearsal.emulator.process import Server
from rehearsal.full_run.probes import probe
from rehearsal.permissions_report import IN_PIPELINE, Report
from rehearsal.processes import processes_of
from rehearsal.settings import PERMISSIONS_PATH, REVIEWER
from tests.end_to_end.conftest import VIEWS, json_of
from tests.end_to_end.same_numbers import components_by_name, features_by_name, same_signs
from tests.end_to_end.stage import BUCKET_OF_CDK, STACKS, Stage
from tests.rehearsal.emulator.conftest import PROXIES, Aws
from tests.rehearsal.emulator.recorded import different, unrecorded
from tests.spark.runs import RunResults

pytestmark = [pytest.mark.timeout(1800), pytest.mark.story]

Done = subprocess.CompletedProcess[str]
# As the function that signals the end of a run words it.
REASON = re.compile(
    r"step (?P<step>s-\w+) FAILED: Unknown Error\.; "
    r'Exception in thread "main" org\.apache\.spark\.SparkException: '
    r"Application \w+ finished with failed status; "
    r"logs s3://[\w-]+/emr/(?P<cluster>j-\w+)/steps/(?P=step)/"
)
# What `make run` does.
NOT_HERE = {
    "user deployer / *": "doctor, upload and destroy",
    "arn:aws:s3:::* / *s3:DeleteObject*": "destroy",
}
# The same arithmetic in another order of the images.
CLOSE: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-8}


@dataclass(frozen=True)
class Deploy:
    """One `cdk deploy`, and the cluster and run that the stack has after it."""

    done: Done
    cluster_id: str
    run_id: str

    @property
    def said(self) -> str:
        return self.done.stdout + self.done.stderr


@dataclass(frozen=True)
class Submitted:
    """One `fruit submit`, and the run's folder on this machine."""

    answer: dict[str, Any]
    results: RunResults


@pytest.fixture(scope="module")
def stage(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An account that CDK can deploy to; no other host can be reached from it."""
    folder = tmp_path_factory.mktemp("deployed")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PROXIES.items():
            patch.setenv(name, value)
        with Server(folder / "home", emr="tests.end_to_end.stage:make") as server:
            aws = Aws(server)
            aws.bootstrap()
            yield Stage(aws, folder)


def deploy(stage: Stage, *fields: str) -> Deploy:
    """A deploy, successful or not, and what the stack holds after it."""
    done = stage.deploy(*fields)
    outputs = stage.outputs("pipeline")
    assert "ClusterId" in outputs, stage.state("pipeline") + "\n" + done.stdout + done.stderr
    return Deploy(done, outputs["ClusterId"], outputs["RunId"])


@pytest.fixture(scope="module")
def first(stage: Stage) -> Deploy:
    """The first deploy: the image bucket is empty."""
    return deploy(stage)


@pytest.fixture(scope="module")
def submitted(stage: Stage, first: Deploy, photographs: Path) -> Submitted:
    """Photographs uploaded, a run submitted on the deployed cluster, waited for, and fetched."""
    uploaded = json_of(stage.operate("upload", photographs, "--json"))
    assert uploaded["uploaded"] == len(list(photographs.rglob("*.jpg")))
    answer = json_of(stage.operate("submit", "--job-code", "--wait", "--yes", "--json"))
    run_id = str(answer["run_id"])
    fetched = stage.operate("fetch", run_id, f"--to={stage.folder}")
    assert fetched.returncode == 0, fetched.stderr
    return Submitted(answer, RunResults(stage.folder / run_id))


@pytest.fixture(scope="module")
def again(stage: Stage, submitted: Submitted) -> Deploy:
    """The first deploy once more."""
    return deploy(stage)


@pytest.fixture(scope="module")
def changed(stage: Stage, again: Deploy) -> Deploy:
    """A deploy with another parameter."""
    return deploy(stage, "variance=0.9")


@pytest.fixture(scope="module")
def failed(stage: Stage, changed: Deploy) -> Deploy:
    """A deploy whose job fails: nothing in the archive is a photograph."""
    bucket = stage.outputs("storage")["ImagesBucketImages"]
    s3 = stage.aws.client("s3")
    for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.put_object(Bucket=bucket, Key=entry["Key"], Body=b"no photograph")
    return deploy(stage, "run=broken")


@pytest.fixture(scope="module")
def alone(stage: Stage, again: Deploy, photographs: Path) -> dict[str, Any]:
    """A run submitted when the stack's cluster has ended; the archive has its photographs."""
    emr, cluster = stage.aws.client("emr"), stage.outputs("pipeline")["ClusterId"]
    emr.terminate_job_flows(JobFlowIds=[cluster])
    emr.get_waiter("cluster_terminated").wait(ClusterId=cluster, WaiterConfig={"Delay": 1})
    json_of(stage.operate("upload", photographs, "--json"))
    return json_of(stage.operate("submit", "--name=alone", "--wait", "--yes", "--json"))


@pytest.fixture(scope="module")
def destroyed(stage: Stage, again: Deploy) -> Done:
    """All stacks taken away, as `make destroy` does it."""
    return stage.operate("destroy", "--yes", f"--assembly={stage.assembly}")


def test_the_first_deploy_succeeds_with_nothing_to_do(stage, first):
    """On empty buckets the run is complete, and found no images."""
    assert first.done.returncode == 0, first.said
    assert {stage.state(stack) for stack in STACKS} == {"CREATE_COMPLETE"}
    images = stage.of_run(first.run_id, "manifest.json")["images"]
    assert (images["listed"], images["usable"], images["rejected"]) == (0, 0, 0)


def test_the_cluster_of_the_deploy_stays_for_further_runs(stage, first):
    """It waits until it has idled for long enough."""
    assert stage.cluster_state(first.cluster_id) == "WAITING"


def test_a_submitted_run_completes_on_the_cluster_of_the_deploy(submitted, first):
    """`submit --wait` ends with exit code 0, which the fixture asserts."""
    assert submitted.answer["state"] == "COMPLETED"
    assert submitted.answer["cluster_id"] == first.cluster_id


def test_every_photograph_has_the_features_of_the_job_run_directly(submitted, direct):
    """The same network, wheels and arithmetic: equal to the last bit that matters."""
    ours, theirs = features_by_name(submitted.results), features_by_name(direct)
    assert ours.keys() == theirs.keys()
    for name, features in ours.items():
        np.testing.assert_allclose(features, theirs[name], **CLOSE, err_msg=name)


def test_the_components_are_those_of_the_job_run_directly(submitted, direct):
    """As many, holding as much of the variance, and the same but for their signs."""
    ours, theirs = submitted.results.metrics["reduction"], direct.metrics["reduction"]
    assert ours["components"] == theirs["components"]
    assert ours["explained_variance_ratio"] == pytest.approx(theirs["explained_variance_ratio"], rel=1e-9)
    found, wanted = components_by_name(submitted.results), components_by_name(direct)
    assert found.keys() == wanted.keys()
    names = sorted(found)
    like = np.array([wanted[name] for name in names])
    turned = same_signs(np.array([found[name] for name in names]), like)
    np.testing.assert_allclose(turned, like, rtol=1e-5, atol=1e-6 * np.abs(like).max())


def test_the_counts_are_those_of_the_job_run_directly(submitted, direct):
    """Listed, usable, rejected, skipped and by which reason."""
    assert submitted.results.metrics["images"] == direct.metrics["images"]
    assert submitted.results.metrics["images"]["usable"] > 0


def test_operate_finds_the_logs_of_the_run(stage, submitted):
    """The driver's own, from its container in cluster mode, and spark-submit's."""
    run_id = submitted.answer["run_id"]
    driver = stage.operate("logs", run_id, "--file=driver-stdout")
    assert "features …" in driver.stdout, driver.stderr
    submit = stage.operate("logs", run_id, "--file=stderr", "--grep=Submitted application")
    assert "Submitted application application_" in submit.stdout, submit.stderr


def test_the_state_of_cluster_and_run_is_told_to_who_submits(stage, submitted):
    """By the submitter's role, as every command here for which it is meant."""
    (told,) = json_of(stage.operate("status", "--json"))["clusters"]
    assert submitted.answer["run_id"] in json.dumps(told)


def test_the_aws_command_line_drives_a_step_to_its_end(stage, first):
    """An unmodified AWS CLI adds it, follows it, and finds cluster and instances."""
    cluster = first.cluster_id
    clusters = json_of(stage.aws_cli("emr", "list-clusters", "--active"))["Clusters"]
    assert [each["Id"] for each in clusters] == [cluster]
    described = json_of(stage.aws_cli("emr", "describe-cluster", "--cluster-id", cluster))["Cluster"]
    assert described["Status"]["State"] == "WAITING"
    results = stage.outputs("storage")["ResultsBucket"]
    step = f"Type=CUSTOM_JAR,Name=count,ActionOnFailure=CONTINUE,Jar=command-runner.jar,Args=[aws,s3,ls,s3://{results}/runs/]"
    added = json_of(stage.aws_cli("emr", "add-steps", "--cluster-id", cluster, "--steps", step))
    (step_id,) = added["StepIds"]
    ids = ["--cluster-id", cluster, "--step-id", step_id]
    # The command looks every 30 seconds; here it finds the step's end at its first look.
    stage.aws.client("emr").get_waiter("step_complete").wait(
        ClusterId=cluster, StepId=step_id, WaiterConfig={"Delay": 1}
    )
    waited = stage.aws_cli("emr", "wait", "step-complete", *ids)
    assert waited.returncode == 0, waited.stderr
    steps = json_of(stage.aws_cli("emr", "list-steps", "--cluster-id", cluster))["Steps"]
    assert {each["Id"]: each["Status"]["State"] for each in steps}[step_id] == "COMPLETED"
    nodes = json_of(stage.aws_cli("emr", "list-instances", "--cluster-id", cluster))["Instances"]
    assert [each["Status"]["State"] for each in nodes] == ["RUNNING"] * 3


def test_the_aws_command_line_lists_the_results(stage, submitted):
    """By the path that `submit` promised."""
    bucket = stage.outputs("storage")["ResultsBucket"]
    listed = stage.aws_cli("s3", "ls", f"s3://{bucket}/runs/{submitted.answer['run_id']}/")
    assert "manifest.json" in listed.stdout, listed.stderr


def test_an_unchanged_deploy_does_nothing(again, first):
    """No stack changes, and the cluster goes on."""
    assert again.said.count("(no changes)") == len(STACKS), again.said
    assert (again.cluster_id, again.run_id) == (first.cluster_id, first.run_id)


def test_the_same_run_is_refused(stage, submitted, again):
    """It would cost money and give the same results."""
    refused = stage.operate("submit", "--job-code", "--wait", "--yes")
    assert refused.returncode == 1
    assert f"run {submitted.answer['run_id']} is complete" in refused.stderr


def test_policies_suffice_and_no_statement_is_idle(stage, submitted, again, monkeypatch):
    """Nothing was refused but probes; what people who submit and nodes may do, each needs."""
    settings = stage.aws.server.settings
    for name, value in stage.aws.server.settings.client_environment().items():
        monkeypatch.setenv(name, value)
    reviewer = Connection("dev", settings.region, session=boto3.Session(*settings.keys_of(REVIEWER)))
    probe(reviewer, deployed_resources(reviewer.client("cloudformation"), "dev"))
    report = Report(Replay(ask(PERMISSIONS_PATH, {})))
    report = replace(report, excused={**report.excused, **NOT_HERE})
    assert different(report.replay) == []
    assert "\n".join(fault for fault in report.faults() if "user tester" not in fault) == ""
    assert unrecorded(report, IN_PIPELINE, "dev") == []


@pytest.mark.long
def test_a_changed_parameter_makes_another_cluster_and_run(stage, changed, first):
    """The new run has the photographs that came meanwhile; the old cluster ends."""
    assert changed.done.returncode == 0, changed.said
    assert changed.cluster_id != first.cluster_id
    assert changed.run_id != first.run_id
    assert stage.cluster_state(first.cluster_id) == "TERMINATED"
    assert stage.of_run(changed.run_id, "metrics.json")["reduction"]["explained_variance_ratio"] >= 0.9


@pytest.mark.long
def test_the_account_of_an_ended_cluster_is_true(stage, changed, first):
    """Within 5 % of the seconds for which its nodes had their folders on this machine."""
    told = json_of(stage.operate("cost", f"--cluster={first.cluster_id}", "--json"))
    (cluster,) = told["clusters"]
    hours = sum(line["hours"] for line in cluster["lines"])
    folder = stage.aws.server.settings.clusters / first.cluster_id
    # Its Java comes with a node's folder; what it removes at the end changes the folder last.
    true = [node.stat().st_mtime - (node / "java/bin/java").stat().st_mtime for node in folder.glob("i-*")]
    assert len(true) == 3
    assert hours * 3600 == pytest.approx(sum(true), rel=0.05)


@pytest.mark.long
def test_a_failing_job_fails_the_deploy_with_its_reason(stage, failed, changed):
    """What CDK prints names the step and its logs, and those say why; the stack is as it was before."""
    assert failed.done.returncode == 1
    assert stage.state("pipeline") == "UPDATE_ROLLBACK_COMPLETE"
    assert (failed.cluster_id, failed.run_id) == (changed.cluster_id, changed.run_id)
    told = REASON.search(failed.said)
    assert told, failed.said
    logs = stage.operate("logs", told["step"], f"--cluster={told['cluster']}", "--file=driver-stdout")
    assert f"Error: none of the {VIEWS * len(KINDS)} images could be used" in logs.stdout, logs.stderr


@pytest.mark.long
def test_the_cluster_of_a_failed_deploy_ends(stage, failed):
    """Only that of the deploy before goes on."""
    clusters = json_of(stage.aws_cli("emr", "list-clusters", "--active"))["Clusters"]
    assert [each["Id"] for each in clusters] == [failed.cluster_id]


@pytest.mark.long
def test_a_run_without_a_cluster_gets_one_that_ends_with_it(stage, alone, direct):
    """The deployed function starts it; every photograph is in its results."""
    assert alone["state"] == "COMPLETED"
    assert alone["cluster_id"] != stage.outputs("pipeline")["ClusterId"]
    stage.aws.client("emr").get_waiter("cluster_terminated").wait(
        ClusterId=alone["cluster_id"], WaiterConfig={"Delay": 1}
    )
    images = stage.of_run(alone["run_id"], "metrics.json")["images"]
    assert images["usable"] == direct.metrics["images"]["usable"]


def test_destroying_dev_leaves_nothing(stage, destroyed):
    """No stack, bucket, cluster or process, though the buckets held versions."""
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert "nothing is left that is paid for" in destroyed.stdout
    stacks = stage.aws.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in stacks] == ["CDKToolkit"]
    buckets = [bucket["Name"] for bucket in stage.aws.client("s3").list_buckets()["Buckets"]]
    assert [name for name in buckets if not name.startswith(BUCKET_OF_CDK)] == []
    assert list(processes_of(stage.aws.server.settings.clusters)) == []
