"""The image archive: a bucket a source, and a replica of each for the day the wrong folder is deleted."""

from collections.abc import Mapping
from functools import partial

from aws_cdk import Stack
from aws_cdk.aws_iam import ManagedPolicy, PolicyStatement, Role, ServicePrincipal
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_s3 import Bucket, IBucket, ReplicationRule
from constructs import Construct

from infra.acknowledgements import acknowledge_wildcards, objects_of
from infra.config.deployment import DeploymentConfig
from infra.contract.names import pascal_case
from infra.storage.bucket import NONCURRENT_DAYS, ROUNDING_DAYS, expire, private_bucket

# Before S3 uses the replica's bucket key it decrypts it, in the name of the role:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
REPLICATE = ("kms:Encrypt", "kms:GenerateDataKey", "kms:Decrypt")
READ_VERSION = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"]


class ImageArchive(Construct):
    """Every image source's bucket; in stages that replicate, a replica of each that is ours.

    A replica a source, not one for all: replication keeps keys, and two sources may hold the same key.
    Delete markers are not replicated: what is deleted by mistake stays in the replica until it expires.
    `buckets` and `replicas` have the names of the sources.
    """

    def __init__(
        self, scope: Construct, *, config: DeploymentConfig, key: IKey | None, access_logs: Bucket
    ) -> None:
        super().__init__(scope, "Archive")
        self._config, self._key = config, key
        # `retention_days` after its upload nothing of an image is left: no version, upload part or marker. At
        # the least, 4, it is hidden after one day. In the replica S3 counts from the original's creation.
        days = config.retention_days - NONCURRENT_DAYS - ROUNDING_DAYS
        destroy, rules = config.removal_policy == "destroy", expire("images", days, NONCURRENT_DAYS)
        self._bucket = partial(
            private_bucket, self, destroy=destroy, key=key, access_logs=access_logs, lifecycle_rules=rules
        )
        self.replicas: dict[str, IBucket] = {}
        self.buckets: Mapping[str, IBucket] = {
            source: self._of_source(source, pascal_case(source)) for source in config.image_sources
        }

    def _of_source(self, source: str, name: str) -> IBucket:
        config = self._config
        if existing := config.existing_image_buckets.get(source):
            return Bucket.from_bucket_attributes(self, name, bucket_name=existing, encryption_key=self._key)
        if not config.replicate_images:
            return self._bucket(name)
        replica = self._bucket(f"{name}Replica", no_replica="This is the replica")
        role = Role(
            self,
            f"{name}ReplicationRole",
            assumed_by=ServicePrincipal("s3.amazonaws.com"),
            description=f"Copies new images of {source} to their replica",
        )
        rule = ReplicationRule(
            id="to-replica",
            destination=replica,
            priority=0,
            delete_marker_replication=False,
            kms_key=self._key,
            sse_kms_encrypted_objects=True if self._key else None,
        )
        bucket = self._bucket(name, replication_role=role, replication_rules=[rule])
        self._allow_replication(name, role, bucket, replica)
        self.replicas[source] = replica
        return bucket

    def _allow_replication(self, name: str, role: Role, bucket: Bucket, replica: Bucket) -> None:
        """Allow the role what S3 asks for.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
        """
        policy = ManagedPolicy(self, f"{name}ReplicationPolicy", roles=[role])
        for resource, actions in (
            (bucket.bucket_arn, ["s3:GetReplicationConfiguration", "s3:ListBucket"]),
            (bucket.arn_for_objects("*"), READ_VERSION),
            (replica.arn_for_objects("*"), ["s3:ReplicateObject", "s3:ReplicateTags"]),
        ):
            policy.add_statements(PolicyStatement(actions=actions, resources=[resource]))
        if self._key:
            policy.add_statements(_through_s3(self._key, bucket, "kms:Decrypt"))
            policy.add_statements(_through_s3(self._key, replica, *REPLICATE))
        every_image = "Replication copies every image, whatever its key; the role can do nothing else"
        objects = [objects_of(one, within=self) for one in (bucket, replica)]
        acknowledge_wildcards(policy, dict.fromkeys(objects, every_image))


def _through_s3(key: IKey, bucket: Bucket, *actions: str) -> PolicyStatement:
    """Allow these uses of the key, by S3 and for this bucket only."""
    here = {
        "kms:ViaService": f"s3.{Stack.of(bucket).region}.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": bucket.bucket_arn,  # with a bucket key: the bucket's
    }
    conditions = {"StringEquals": here}
    return PolicyStatement(actions=list(actions), resources=[key.key_arn], conditions=conditions)
