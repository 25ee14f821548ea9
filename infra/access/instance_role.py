"""The role of the cluster's instances: what the job reads and writes, and nothing beside it."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk.aws_iam import CfnInstanceProfile, PolicyStatement, Role, ServicePrincipal
from aws_cdk.aws_s3 import Bucket, IBucket
from constructs import Construct

from infra.access.buckets import Buckets
from infra.access.statements import (
    ERASURES_REASON,
    READ_OBJECTS,
    Grant,
    grant,
    list_prefix,
    objects,
    read_buckets,
    use_key,
)
from infra.acknowledgements import objects_of
from infra.contract.names import PROJECT, assets_folder
from infra.contract.prefixes import EMR_LOGS, ERASURES, JOBS, RUNS, TRANSIT

# AWS's managed policy, AmazonSSMManagedInstanceCore, would also let a node read every parameter there is:
# https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-add-permissions-to-existing-profile.html
SESSION_MANAGER = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]
SESSION_MANAGER_REASON = "Session Manager, which replaces SSH and its open port; its channels have no name"
# Large objects go up in parts; a stage that begins anew clears what an earlier attempt left.
CHANGE_OBJECTS = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
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


def nodes_role_name(stage: str, region: str) -> str:
    """Return the name of the nodes' role, which the certificates' bucket names before the role exists."""
    return f"{PROJECT}-{stage}-nodes-{region}"


class InstanceRole(Construct):
    """Lets nodes read images, write results below `runs/` and logs below `emr/`, and people open sessions.

    Args:
        stage: Names the folder of the CDK's bucket from which nodes read at their start.
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
        stage: str,
        certificate_arns: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        self.role = Role(
            self,
            "Role",
            role_name=nodes_role_name(stage, stack.region),
            assumed_by=ServicePrincipal("ec2.amazonaws.com"),
            description="Nodes of the cluster",
        )
        inline = "The policy names the buckets of this deployment, which no other role needs"
        staged = Bucket.from_bucket_name(
            self, "Staged", f"cdk-hnb659fds-assets-{stack.account}-{stack.region}"
        )
        grant(self.role, _grants(buckets, staged, stage, certificate_arns), inline)
        self.profile = CfnInstanceProfile(self, "Profile", roles=[self.role.role_name])


def _grants(buckets: Buckets, staged: IBucket, stage: str, certificate_arns: Sequence[str]) -> list[Grant]:
    """Allow a node what it needs of S3, of the key and of Session Manager."""
    grants = [
        *read_buckets("Images", buckets.images, "The job reads every image of its sources"),
        # Without a condition: S3 says that an object is absent only to those who may list all.
        Grant(
            PolicyStatement(
                sid="ListResults",
                actions=["s3:ListBucket"],
                resources=[buckets.results.bucket_arn],
            )
        ),
        objects(
            "WriteResults",
            buckets.results,
            RUNS,
            [*READ_OBJECTS, *CHANGE_OBJECTS],
            "Each run has a folder of its own, whose name is given when the run is submitted",
        ),
        objects("ReadErasures", buckets.results, ERASURES, READ_OBJECTS, ERASURES_REASON),
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
        objects(
            "ReadStaged",
            staged,
            assets_folder(stage),
            READ_OBJECTS,
            "Files of this stage alone lie there; a cluster that still runs reads those of the deploy before",
        ),
        Grant(
            PolicyStatement(sid="SessionManager", actions=SESSION_MANAGER, resources=["*"]),
            {"*": SESSION_MANAGER_REASON},
        ),
        *use_key("UseKey", buckets.key, DISK_KEY),
    ]
    if certificate_arns:
        archives = objects_of(buckets.artifacts, f"{TRANSIT}/*")
        read = PolicyStatement(sid="ReadCertificates", actions=READ_OBJECTS, resources=list(certificate_arns))
        grants.append(Grant(read, {archives: "Each deployment has one archive, whose name holds the run"}))
    return grants
