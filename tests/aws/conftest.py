"""A deployment in an AWS of this process (moto), and the command line that drives it."""

import json
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from fruit.command_line import cli
from infra.contract import outputs
from infra.contract.names import cost_tags, stack_name
from operate.deployment import Deployment, find_deployment
from spark_job.command_line import run_command_line
from tests.aws.launching import answer_launches

REGION = "eu-west-3"
RUN = "run-0123456789ab"


@dataclass(frozen=True)
class Outcome:
    """What one call of the command line left."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def aws(monkeypatch):
    """An empty account; the unreachable endpoint of all other tests would keep calls away from moto."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    # A session for each test would read the descriptions of all services for each test.
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        yield


@pytest.fixture
def operate(capsys):
    """Calls `fruit ARGUMENTS` in this process: `operate("runs", "--json")`."""

    def call(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = 0
        try:
            run_command_line(cli, arguments, "fruit")
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def storage(aws) -> Deployment:
    """A deployment whose storage is there and whose pipeline is not."""
    return make_storage()


@pytest.fixture
def cluster_id(aws) -> str:
    """A waiting cluster of the stage `dev`, with its tags and one step."""
    return make_cluster()


@pytest.fixture
def deployment(storage, cluster_id, monkeypatch) -> Deployment:
    """A whole deployment of the stage `dev`; its run has no results yet."""
    answer_launches(monkeypatch)
    return make_pipeline(cluster_id)


def make_storage() -> Deployment:
    """The storage stack, with two image sources."""
    parts = {
        outputs.images_bucket("images"): "Images",
        outputs.images_bucket("taille-fixe"): "TailleFixe",
        outputs.RESULTS_BUCKET: "Results",
        outputs.LOGS_BUCKET: "Logs",
        outputs.ARTIFACTS_BUCKET: "Artifacts",
    }
    resources = {
        part: {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": f"fruit-{part.lower()}"}}
        for part in parts.values()
    }
    values = {name: {"Ref": part} for name, part in parts.items()}
    make_stack(
        stack_name("dev", "storage"), resources, {outputs.IMAGE_SOURCES: "images,taille-fixe", **values}
    )
    return find_deployment(boto3.client("cloudformation", REGION), "dev", REGION)


def make_pipeline(cluster_id: str) -> Deployment:
    """The pipeline stack, around an existing cluster."""
    values = {
        outputs.CLUSTER_ID: cluster_id,
        outputs.RUN_ID: RUN,
        outputs.RESULTS_URI: f"s3://fruit-results/runs/{RUN}/",
        outputs.LOGS_URI: f"s3://fruit-logs/emr/{cluster_id}/",
        outputs.JOB_URI: "s3://cdk-assets/0123456789abcdef.zip",
        outputs.EXTRACTOR_URI: "s3://cdk-assets/fedcba9876543210.zip",
        outputs.LAUNCHER: "fruit-launcher",
        outputs.SUBMIT_ROLE_ARN: "arn:aws:iam::123456789012:role/submitter",
        outputs.DASHBOARD_URL: "https://example.com/dashboard",
    }
    resources = {"Topic": {"Type": "AWS::SNS::Topic"}}
    make_stack(stack_name("dev", "pipeline"), resources, values)
    return find_deployment(boto3.client("cloudformation", REGION), "dev", REGION)


def make_stack(name, resources, values):
    """A stack with these outputs."""
    template = {
        "Resources": resources,
        "Outputs": {output: {"Value": value} for output, value in values.items()},
    }
    cloudformation = boto3.client("cloudformation", REGION)
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))


def make_cluster(name: str = f"fruit-features-dev-{RUN}") -> str:
    """A cluster that stays when it has no steps; one primary, two core nodes."""
    groups: list[Any] = [
        {"InstanceRole": role, "InstanceType": "m5.xlarge", "InstanceCount": count, "Name": role.lower()}
        for role, count in (("MASTER", 1), ("CORE", 2))
    ]
    made = boto3.client("emr", REGION).run_job_flow(
        Name=name,
        ReleaseLabel="emr-7.13.0",
        LogUri="s3://fruit-logs/emr/",
        Instances={"InstanceGroups": groups, "KeepJobFlowAliveWhenNoSteps": True},
        Steps=[step(name)],
        JobFlowRole="instance",
        ServiceRole="service",
        Tags=[{"Key": key, "Value": value} for key, value in cost_tags("dev").items()],
    )
    return str(made["JobFlowId"])


def step(name: str):
    """A step as the deploy makes it, in short."""
    jar = {"Jar": "command-runner.jar", "Args": ["spark-submit", "s3://cdk-assets/main.py", "run"]}
    return {"Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}
