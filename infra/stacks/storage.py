"""The storage stack: images, their replicas, results, logs and artifacts; it outlives every cluster."""

from functools import partial

from constructs import Construct

from infra.config.deployment import DeploymentConfig
from infra.contract import outputs
from infra.stacks.stage_stack import StageStack
from infra.storage import bucket as buckets
from infra.storage.images import ImageArchive

# CDK's older way, ACLs on the log bucket, fails on a bucket whose owner is enforced.
LOGS_BY_POLICY = "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy"


class StorageStack(StageStack):
    """Everything that holds data; its `buckets` are those that the pipeline works with, and their key."""

    def __init__(self, scope: Construct, config: DeploymentConfig) -> None:
        super().__init__(scope, "storage", config, "images, results, logs and artifacts")
        self.node.set_context(LOGS_BY_POLICY, True)
        destroy = config.removal_policy == "destroy"
        # EMR overwrites logs often.
        logs_end = buckets.expire("logs", config.log_retention_days, buckets.NONCURRENT_DAYS)
        key = buckets.data_key(self, config)
        access_logs = buckets.access_log_bucket(self, destroy=destroy, rules=logs_end)
        bucket = partial(buckets.private_bucket, self, destroy=destroy, key=key, access_logs=access_logs)
        archive = ImageArchive(self, config=config, key=key, access_logs=access_logs)
        results_end = buckets.expire_results(config.results_retention_days)
        artifacts_end = buckets.expire("artifacts", None, buckets.VERSION_DAYS)
        self.buckets = buckets.Buckets(
            images=list(archive.buckets.values()),
            results=bucket("Results", lifecycle_rules=results_end),
            logs=bucket("Logs", lifecycle_rules=logs_end),
            artifacts=bucket("Artifacts", lifecycle_rules=artifacts_end),
            key=key,
        )
        buckets.let_emptying_log_expire(self)
        values = {outputs.IMAGE_SOURCES: (",".join(config.image_sources), "Image sources")}
        for source, one in archive.buckets.items():
            values[outputs.images_bucket(source)] = (one.bucket_name, f"Upload images of {source} here")
        for source, one in archive.replicas.items():
            values[outputs.replica_bucket(source)] = (one.bucket_name, f"Replica of {source}")
        if key:
            values[outputs.DATA_KEY_ARN] = (key.key_arn, "Encrypts the buckets")
        results, logs, artifacts = self.buckets.results, self.buckets.logs, self.buckets.artifacts
        retention = (
            f"images, their versions and replicas {config.retention_days} days, "
            f"results {config.results_retention_days}, logs {config.log_retention_days}"
        )
        after = "the buckets and their key stay, with their data: remove them by hand (docs/runbook.md)"
        if destroy:
            after = "every bucket of this stack is emptied and removed"
        values |= {
            outputs.RESULTS_BUCKET: (results.bucket_name, "Results of the runs"),
            outputs.LOGS_BUCKET: (logs.bucket_name, "Logs of the clusters"),
            outputs.ARTIFACTS_BUCKET: (artifacts.bucket_name, "What clusters read at their start"),
            outputs.ACCESS_LOGS_BUCKET: (access_logs.bucket_name, "Who asked the buckets for what"),
            outputs.RETENTION: (retention, "How long data stays"),
            outputs.AFTER_DESTROY: (after, "What `cdk destroy` does with the data"),
        }
        self.publish(values)
