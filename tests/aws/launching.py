"""The deployed function that starts clusters, called in this process with moto's EMR and S3."""

import io
import json
from dataclasses import asdict
from typing import Any

import boto3
from botocore.client import BaseClient

from infra.contract.names import cost_tags
from infra.launch.functions.launcher.handler import ClusterStarter
from infra.launch.run_request import DeployedJob

REGION = "eu-west-3"
PREFIX = "fruit-features-dev-"
DEPLOYED = DeployedJob(
    spark=(
        "spark-submit",
        "--master=yarn",
        f"--name={PREFIX}run-0123456789ab",
        "--conf=spark.a=b",
        "--py-files=s3://cdk-assets/job.zip",
        "s3://cdk-assets/main.py",
    ),
    job=(
        "run",
        "--images=s3://fruit-images",
        "--images=s3://fruit-taillefixe",
        "--results=s3://fruit-results/runs",
        "--extractor=/opt/fruit-features/extractor",
        "--variance=0.8",
        "--engine=openvino",
        "--previous=latest",
        "--removed=drop",
        "--run-id=run-0123456789ab",
        "--allow-empty",
        "--resume",
    ),
    prefix=PREFIX,
    extractor="s3://cdk-assets/fedcba9876543210.zip",
    image_buckets=("fruit-images", "fruit-taillefixe"),
    artifacts_bucket="fruit-artifacts",
    model="mobilenet_v2",
    families=("m5", "m6i"),
    cores=24,
    nodes=6,
    hourly_usd=2.0,
    most_hourly_usd=5.0,
)
JAR = {"Jar": "command-runner.jar", "Args": [*DEPLOYED.spark, *DEPLOYED.job]}
# As the stack packs it with the function, with the groups of instances that moto knows.
CLUSTER: dict[str, Any] = {
    "Name": f"{PREFIX}run-0123456789ab",
    "ReleaseLabel": "emr-7.13.0",
    "LogUri": "s3://fruit-logs/emr/",
    "Instances": {
        "InstanceGroups": [
            {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1, "Name": "primary"}
        ],
        "KeepJobFlowAliveWhenNoSteps": False,
    },
    "Steps": [{"Name": f"{PREFIX}run-0123456789ab", "ActionOnFailure": "CONTINUE", "HadoopJarStep": JAR}],
    "JobFlowRole": "instance",
    "ServiceRole": "service",
    "Tags": [{"Key": key, "Value": value} for key, value in cost_tags("dev").items()],
}


def definition(deployed: DeployedJob = DEPLOYED) -> str:
    """As the stack packs it."""
    return json.dumps({"deployed": asdict(deployed), "cluster": CLUSTER})


def launcher(deployed: DeployedJob = DEPLOYED, emr: Any = None) -> ClusterStarter:
    """As the function makes it of its definition."""
    emr = emr or boto3.client("emr", REGION)
    return ClusterStarter.from_text(definition(deployed), emr, emr, boto3.client("s3", REGION))


def answer_launches(monkeypatch) -> None:
    """Let `lambda.invoke` call it; all values go through JSON, as they do on AWS."""
    base: Any = BaseClient
    call = base._make_api_call

    def answered(client, operation, arguments):
        if operation != "Invoke":
            return call(client, operation, arguments)
        assert arguments["FunctionName"] == "fruit-launcher"
        answer = launcher().answer(json.loads(arguments["Payload"]))
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    monkeypatch.setattr(BaseClient, "_make_api_call", answered)
