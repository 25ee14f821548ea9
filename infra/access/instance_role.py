"""The role of the cluster's instances: what the job reads and writes, and nothing beside it."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk.aws_iam import CfnInstanceProfile, Role, ServicePrincipal
from aws_cdk.aws_s3 import Bucket, IBucket
from constructs import Construct

from infra.access import statements as allow
from infra.acknowledgements import objects_of
from infra.contract.names import PROJECT, assets_folder
from infra.contract.prefixes import EMR_LOGS, ERASURES, JOBS, RUNS, TRANSIT
from infra.storage.bucket import Buckets

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


def instance_role(
    here: Construct, *, buckets: Buckets, stage: str, certificate_arns: Sequence[str]
) -> tuple[Role, CfnInstanceProfile]:
    """Let nodes read images, write results below `runs/` and logs below `emr/`, and people open sessions.

    Args:
        stage: Names the folder of the CDK's bucket from which nodes read at their start.
        certificate_arns: Archives with the cluster's certificate and private key.

    Returns:
        The role of the nodes, and its instance profile, by whose name EMR knows it.
    """
    stack = Stack.of(here)
    role = Role(
        here,
        "Role",
        role_name=nodes_role_name(stage, stack.region),
        assumed_by=ServicePrincipal("ec2.amazonaws.com"),
        description="Nodes of the cluster",
    )
    inline = "The policy names the buckets of this deployment, which no other role needs"
    staged = f"cdk-hnb659fds-assets-{stack.account}-{stack.region}"
    grants = _grants(buckets, Bucket.from_bucket_name(here, "Staged", staged), stage, certificate_arns)
    allow.grant(role, grants, inline)
    return role, CfnInstanceProfile(here, "Profile", roles=[role.role_name])


def _grants(
    buckets: Buckets, staged: IBucket, stage: str, certificate_arns: Sequence[str]
) -> list[allow.Grant]:
    """Allow a node what it needs of S3, of the key and of Session Manager."""
    results, logs, artifacts = [buckets.results], [buckets.logs], [buckets.artifacts]
    named_at_submit = "Each run has a folder of its own, whose name is given when the run is submitted"
    by_stage = (
        "Files of this stage alone lie there; a cluster that still runs reads those of the deploy before"
    )
    grants = [
        *allow.read_buckets("Images", buckets.images, "The job reads every image of its sources"),
        # Without a condition: S3 says that an object is absent only to those who may list all.
        allow.Grant("ListResults", ["s3:ListBucket"], [buckets.results.bucket_arn]),
        allow.objects(
            "WriteResults", results, [f"{RUNS}/*"], [*allow.READ_OBJECTS, *CHANGE_OBJECTS], named_at_submit
        ),
        allow.objects("ReadErasures", results, [f"{ERASURES}/*"], allow.READ_OBJECTS, allow.ERASURES_REASON),
        allow.objects("WriteLogs", logs, [f"{EMR_LOGS}/*"], ["s3:PutObject"], allow.LOGS_REASON),
        allow.list_prefix("ListLogs", buckets.logs, EMR_LOGS),
        allow.objects("ReadJobs", artifacts, [f"{JOBS}/*"], allow.READ_OBJECTS, allow.JOBS_REASON),
        allow.objects("ReadStaged", [staged], [f"{assets_folder(stage)}/*"], allow.READ_OBJECTS, by_stage),
        allow.on_everything("SessionManager", SESSION_MANAGER, SESSION_MANAGER_REASON),
        *allow.use_key("UseKey", buckets.key, DISK_KEY),
    ]
    if certificate_arns:
        archives = {objects_of(buckets.artifacts, f"{TRANSIT}/*"): allow.ARCHIVES_REASON}
        grants.append(allow.Grant("ReadCertificates", allow.READ_OBJECTS, certificate_arns, reasons=archives))
    return grants
