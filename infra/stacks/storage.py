"""The storage stack: images, their replicas, results, logs and artifacts; it outlives every cluster."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from aws_cdk import Environment, Stack
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_s3 import IBucket
from constructs import Construct

from infra import outputs
from infra.config.deployment import DeploymentConfig
from infra.storage.bucket import PrivateBucket, access_log_bucket
from infra.storage.emptying import keep_nothing_of_the_emptying_function
from infra.storage.encryption import data_key
from infra.storage.images import ImageArchive
from infra.storage.lifecycle import expire_logs, expire_results, keep_latest

# CDK's older way, ACLs on the log bucket, fails on a bucket whose owner is enforced.
LOGS_BY_POLICY = "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy"


class StorageStack(Stack):
    """Everything that holds data.

    Attributes:
        image_buckets: Image source to its bucket.
        results, logs, artifacts: The other buckets.
        key: Encrypts them all but the access logs; None: S3's own key.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: DeploymentConfig,
        env: Environment | None = None,
        **options: Any,
    ) -> None:
        super().__init__(scope, construct_id, env=env, **options)
        self.node.set_context(LOGS_BY_POLICY, True)
        destroy = config.removal_policy == "destroy"
        logs_end = expire_logs(config.log_retention_days)
        self.key: IKey | None = data_key(self, config)
        access_logs = access_log_bucket(self, destroy=destroy, lifecycle_rules=logs_end)
        bucket = partial(PrivateBucket, self, destroy=destroy, key=self.key, access_logs=access_logs)
        archive = ImageArchive(self, "Archive", config=config, key=self.key, access_logs=access_logs)
        self.image_buckets: Mapping[str, IBucket] = archive.buckets
        self.results: IBucket = bucket(
            "Results", lifecycle_rules=expire_results(config.results_retention_days)
        )
        self.logs: IBucket = bucket("Logs", lifecycle_rules=logs_end)
        self.artifacts: IBucket = bucket("Artifacts", lifecycle_rules=keep_latest("artifacts"))
        keep_nothing_of_the_emptying_function(self)
        self._publish(config, archive, access_logs)

    def _publish(self, config: DeploymentConfig, archive: ImageArchive, access_logs: IBucket) -> None:
        publish = outputs.publish
        publish(self, outputs.IMAGE_SOURCES, ",".join(config.image_sources), "Image sources")
        for source, bucket in archive.buckets.items():
            publish(
                self, outputs.images_bucket(source), bucket.bucket_name, f"Upload images of {source} here"
            )
        for source, bucket in archive.replicas.items():
            publish(self, outputs.replica_bucket(source), bucket.bucket_name, f"Replica of {source}")
        publish(self, outputs.RESULTS_BUCKET, self.results.bucket_name, "Results of the runs")
        publish(self, outputs.LOGS_BUCKET, self.logs.bucket_name, "Logs of the clusters")
        publish(
            self, outputs.ARTIFACTS_BUCKET, self.artifacts.bucket_name, "What clusters read at their start"
        )
        publish(self, outputs.ACCESS_LOGS_BUCKET, access_logs.bucket_name, "Who asked the buckets for what")
        if self.key:
            publish(self, outputs.DATA_KEY_ARN, self.key.key_arn, "Encrypts the buckets")
        publish(self, outputs.RETENTION, retention_notice(config), "How long data stays")
        publish(self, outputs.AFTER_DESTROY, destroy_notice(config), "What `cdk destroy` does with the data")


def retention_notice(config: DeploymentConfig) -> str:
    """One sentence on how long data stays."""
    return (
        f"images, their versions and replicas {config.retention_days} days, "
        f"results {config.results_retention_days}, logs {config.log_retention_days}"
    )


def destroy_notice(config: DeploymentConfig) -> str:
    """One sentence on what is left after `cdk destroy`."""
    if config.removal_policy == "destroy":
        return "every bucket of this stack is emptied and removed"
    return "the buckets and their key stay, with their data: remove them by hand (docs/runbook.md)"
