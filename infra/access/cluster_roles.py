"""The roles of the cluster: that of its instances, and that of EMR itself; neither may do anything beside."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk.aws_iam import CfnInstanceProfile, IRole, ManagedPolicy, Role, ServicePrincipal
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_s3 import Bucket, IBucket
from constructs import Construct

from infra.access import statements as allow
from infra.acknowledgements import acknowledge, objects_of
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
# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-managed-iam-policies.html
MANAGED_POLICY = "service-role/AmazonEMRServicePolicy_v2"
MANAGED_POLICY_REASON = (
    "AmazonEMRServicePolicy_v2 is AWS's least policy for EMR: it acts on tagged resources only, and AWS "
    "extends it when EMR changes"
)
MANAGED_POLICY_TAG = "for-use-with-amazon-emr-managed-policies"
VOLUME_KEY = [
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKeyWithoutPlaintext",
]
# For S3, and for the node's own disks:
# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html
DISK_KEY = [*VOLUME_KEY, "kms:GenerateDataKey"]
# What EMR may work with, nothing else.
TAGGED_TYPES = ["AWS::EC2::SecurityGroup", "AWS::EC2::Subnet", "AWS::EC2::VPC", "AWS::EMR::Cluster"]


def nodes_role_name(stage: str, region: str) -> str:
    """Return the name of the nodes' role, which the certificates' bucket names before the role exists."""
    return f"{PROJECT}-{stage}-nodes-{region}"


def instance_role(
    here: Construct, *, buckets: Buckets, stage: str, certificate_arns: Sequence[str]
) -> tuple[Role, CfnInstanceProfile]:
    """Let nodes read images, write results below `runs/` and logs below `emr/`, and people open sessions.

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


def _grants(buckets: Buckets, staged: IBucket, stage: str, certificates: Sequence[str]) -> list[allow.Grant]:
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
    if certificates:
        archives = {objects_of(buckets.artifacts, f"{TRANSIT}/*"): allow.ARCHIVES_REASON}
        grants.append(allow.Grant("ReadCertificates", allow.READ_OBJECTS, certificates, reasons=archives))
    return grants


def service_role(scope: Construct, *, instance_role: IRole, key: IKey | None, spot: bool) -> Role:
    """Make the role that EMR assumes, for clusters of this account and region alone.

    It lets EMR start and end tagged instances in this account, and pass them their own role, no other.
    """
    stack = Stack.of(scope)
    # Not on behalf of another account's cluster (the confused deputy).
    clusters = stack.format_arn(service="elasticmapreduce", resource="*")
    own = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": clusters}}
    role = Role(
        Construct(scope, "Service"),
        "Role",
        assumed_by=ServicePrincipal("elasticmapreduce.amazonaws.com", conditions=own),
        managed_policies=[ManagedPolicy.from_aws_managed_policy_name(MANAGED_POLICY)],
        description="EMR, for its clusters here",
    )
    grants = [allow.pass_role("PassInstanceRole", instance_role, "ec2.amazonaws.com")]
    if key:
        # EMR makes the nodes' encrypted volumes; EC2 then uses the key by a grant of its own.
        for_aws = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        grants.append(allow.Grant("EncryptVolumes", VOLUME_KEY, [key.key_arn]))
        grants.append(allow.Grant("GrantVolumes", ["kms:CreateGrant"], [key.key_arn], for_aws))
    if spot:
        # EMR makes the role through which EC2 starts Spot nodes, in an account that never had any. The
        # managed policy does not allow it:
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
        name = "aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
        role_of_spot = stack.format_arn(service="iam", region="", resource="role", resource_name=name)
        only = {"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}}
        grants.append(allow.Grant("MakeSpotRole", ["iam:CreateServiceLinkedRole"], [role_of_spot], only))
    allow.grant(role, grants, "The right to pass one role belongs to this role and to no other")
    managed = f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{MANAGED_POLICY}]"
    acknowledge(role, {managed: MANAGED_POLICY_REASON})
    return role
