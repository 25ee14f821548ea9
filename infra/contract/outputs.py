"""Names of the stacks' outputs, by which the tools that operate a deployment find what it made."""

from infra.contract.names import pascal_case

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
LAUNCHER = "LauncherName"
SUBMIT_ROLE_ARN = "SubmitRoleArn"
DASHBOARD_URL = "DashboardUrl"


def images_bucket(source: str) -> str:
    """Return the name of the output that holds an image source's bucket: `ImagesBucketTailleFixe`."""
    return f"ImagesBucket{pascal_case(source)}"


def replica_bucket(source: str) -> str:
    """Return the name of the output that holds that source's replica, in stages that replicate."""
    return f"ReplicaBucket{pascal_case(source)}"
