"""Names of the stacks' outputs: the contract between a deployment and the tools that operate it."""

from typing import TYPE_CHECKING

from infra.naming import pascal_case

if TYPE_CHECKING:
    from aws_cdk import Stack

# Storage
IMAGE_SOURCES = "ImageSources"
RESULTS_BUCKET = "ResultsBucket"
LOGS_BUCKET = "LogsBucket"
ARTIFACTS_BUCKET = "ArtifactsBucket"
ACCESS_LOGS_BUCKET = "AccessLogsBucket"
DATA_KEY_ARN = "DataKeyArn"
RETENTION = "Retention"
AFTER_DESTROY = "AfterDestroy"

# Monitoring
TOPIC_ARN = "TopicArn"
BUDGET_NAME = "BudgetName"

# Pipeline
CLUSTER_ID = "ClusterId"
RUN_ID = "RunId"
RESULTS_URI = "ResultsUri"
LOGS_URI = "LogsUri"
JOB_URI = "JobUri"
EXTRACTOR_URI = "ExtractorUri"
SUBMIT_ROLE_ARN = "SubmitRoleArn"
DASHBOARD_URL = "DashboardUrl"


def images_bucket(source: str) -> str:
    """The output that holds the bucket's name of an image source: `ImagesBucketTailleFixe`."""
    return f"ImagesBucket{pascal_case(source)}"


def replica_bucket(source: str) -> str:
    """The output that holds the name of that source's replica, in stages that replicate."""
    return f"ReplicaBucket{pascal_case(source)}"


def publish(stack: "Stack", name: str, value: str, description: str) -> None:
    """Make an output of exactly this name; `stack` must be a stack, or CDK would prefix the name."""
    from aws_cdk import CfnOutput  # starts Node, which those who only read the names need not have

    CfnOutput(stack, f"Output{name}", value=value, description=description).override_logical_id(name)
