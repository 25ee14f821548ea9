"""The role of the cluster's instances: what the job reads and writes, and nothing beside it."""

from collections.abc import Sequence

from aws_cdk import Tags
from aws_cdk.aws_iam import CfnInstanceProfile, ManagedPolicy, PolicyStatement, Role, ServicePrincipal
from constructs import Construct

from infra.access.buckets import Buckets
from infra.access.statements import (
    READ_OBJECTS,
    WRITE_OBJECTS,
    Grant,
    grant,
    list_prefix,
    objects,
    read_buckets,
    use_key,
)
from infra.acknowledgements import acknowledge, objects_of
from infra.contract.prefixes import EMR_LOGS, JOBS, RUNS, TRANSIT

SESSION_MANAGER = "AmazonSSMManagedInstanceCore"
SESSION_MANAGER_REASON = "AWS's own least policy for Session Manager, which replaces SSH and its open port"
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
    """Lets nodes read images, write results below `runs/` and logs below `emr/`, and people open sessions.

    Args:
        staged_arns: Objects in the CDK's own bucket that a node reads at its start, each by itself.
        certificate_arns: Archives with the cluster's certificate and private key.

    Attributes:
        role: The role of the nodes.
        profile: Its instance profile, by whose name EMR knows it.
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
        inline = "The policy names the buckets of this deployment, which no other role needs"
        grant(self.role, _grants(buckets, staged_arns, certificate_arns), inline)
        self.profile = CfnInstanceProfile(self, "Profile", roles=[self.role.role_name])
        managed = f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{SESSION_MANAGER}]"
        acknowledge(self.role, {managed: SESSION_MANAGER_REASON})


def _grants(buckets: Buckets, staged_arns: Sequence[str], certificate_arns: Sequence[str]) -> list[Grant]:
    """Allow a node what it needs of S3 and of the key."""
    grants = [
        *read_buckets("Images", buckets.images, "The job reads every image of its sources"),
        list_prefix("ListResults", buckets.results, RUNS),
        # S3 knows no prefix for these two.
        Grant(
            PolicyStatement(
                sid="LocateResults",
                actions=["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
                resources=[buckets.results.bucket_arn],
            )
        ),
        objects(
            "WriteResults",
            buckets.results,
            RUNS,
            [*READ_OBJECTS, *WRITE_OBJECTS],
            "Each run has a folder of its own, whose name is given when the run is submitted",
        ),
        objects(
            "WriteLogs",
            buckets.logs,
            EMR_LOGS,
            ["s3:PutObject"],
            "EMR names logs by cluster, node and container",
        ),
        list_prefix("ListLogs", buckets.logs, EMR_LOGS),
        objects(
            "ReadJobs",
            buckets.artifacts,
            JOBS,
            READ_OBJECTS,
            "A job that a person brings is named by its hash",
        ),
        Grant(PolicyStatement(sid="ReadStaged", actions=READ_OBJECTS, resources=list(staged_arns))),
        *use_key("UseKey", buckets.key, DISK_KEY),
    ]
    if certificate_arns:
        archives = objects_of(buckets.artifacts, f"{TRANSIT}/*")
        read = PolicyStatement(sid="ReadCertificates", actions=READ_OBJECTS, resources=list(certificate_arns))
        grants.append(Grant(read, {archives: "Each deployment has one archive, whose name holds the run"}))
    return grants
