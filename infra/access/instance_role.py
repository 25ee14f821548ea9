"""The role of the cluster's instances: what the job reads and writes, and nothing beside it."""

from collections.abc import Sequence

from aws_cdk import Tags
from aws_cdk.aws_iam import CfnInstanceProfile, ManagedPolicy, PolicyStatement, Role, ServicePrincipal
from aws_cdk.aws_s3 import IBucket
from constructs import Construct

from infra.access.buckets import Buckets
from infra.access.statements import (
    READ_OBJECTS,
    WRITE_OBJECTS,
    list_prefix,
    objects,
    read_buckets,
)
from infra.access.wildcards import acknowledge_wildcards, objects_of
from infra.acknowledgements import acknowledge
from infra.contract.prefixes import EMR_LOGS, JOBS, RUNS, TRANSIT

SESSION_MANAGER = "AmazonSSMManagedInstanceCore"
# For S3, and for the node's own disks:
# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html
DISK_KEY = [
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
]
# The bucket with the certificates refuses every reader without this tag.
TRANSIT_TAG = "reads-transit-certificates"


class InstanceRole(Construct):
    """Images are read, results written below `runs/`, logs below `emr/`; people come in by Session Manager.

    Args:
        staged_arns: Objects in the CDK's own bucket that a node reads at its start, each by itself.
        certificate_arns: Archives with the cluster's certificate and private key.

    Attributes:
        role: Of the nodes.
        profile: Its instance profile, by whose name EMR is told of it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        buckets: Buckets,
        staged_arns: Sequence[str],
        certificate_arns: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = Role(
            self,
            "Role",
            assumed_by=ServicePrincipal("ec2.amazonaws.com"),
            managed_policies=[ManagedPolicy.from_aws_managed_policy_name(SESSION_MANAGER)],
            description="Nodes of the cluster",
        )
        Tags.of(self.role).add(TRANSIT_TAG, "true")
        for statement in _statements(buckets, staged_arns):
            self.role.add_to_policy(statement)
        if certificate_arns:
            self.role.add_to_policy(_read("ReadCertificates", certificate_arns))
        self.profile = CfnInstanceProfile(self, "Profile", roles=[self.role.role_name])
        managed = "AWS's own least policy for Session Manager, which stands in for SSH and an open port"
        acknowledge(
            self.role,
            {
                f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{SESSION_MANAGER}]": managed,
                "NIST.800.53.R5-IAMNoInlinePolicy": "It names its deployment's buckets; nobody else wants it",
            },
        )
        acknowledge_wildcards(self.role, _wildcards(buckets))


def _wildcards(buckets: Buckets) -> dict[str, str]:
    """Why each prefix is open as a whole."""
    return {
        **{objects_of(bucket): "The job reads every image of its sources" for bucket in buckets.images},
        objects_of(buckets.results, f"{RUNS}/*"): "Each run has a folder of its own, named at its start",
        objects_of(buckets.logs, f"{EMR_LOGS}/*"): "EMR names logs by cluster, node and container",
        objects_of(buckets.artifacts, f"{TRANSIT}/*"): "One archive a deployment; its name holds the run",
        objects_of(buckets.artifacts, f"{JOBS}/*"): "Jobs that people bring are named by their hash",
    }


def _statements(buckets: Buckets, staged_arns: Sequence[str]) -> list[PolicyStatement]:
    """All that a node may do with S3 and the key."""
    statements = [
        *read_buckets("Images", buckets.images),
        *_results(buckets.results),
        objects("WriteLogs", buckets.logs, EMR_LOGS, ["s3:PutObject"]),
        list_prefix("ListLogs", buckets.logs, EMR_LOGS),
        objects("ReadJobs", buckets.artifacts, JOBS, READ_OBJECTS),
        _read("ReadStaged", staged_arns),
    ]
    if buckets.key:
        statements.append(PolicyStatement(sid="UseKey", actions=DISK_KEY, resources=[buckets.key.key_arn]))
    return statements


def _read(sid: str, arns: Sequence[str]) -> PolicyStatement:
    return PolicyStatement(sid=sid, actions=READ_OBJECTS, resources=list(arns))


def _results(results: IBucket) -> list[PolicyStatement]:
    return [
        list_prefix("ListResults", results, RUNS),
        # S3 knows no prefix for these two.
        PolicyStatement(
            sid="LocateResults",
            actions=["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
            resources=[results.bucket_arn],
        ),
        objects("WriteResults", results, RUNS, [*READ_OBJECTS, *WRITE_OBJECTS]),
    ]
