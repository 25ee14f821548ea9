"""The role of EMR itself, and the tag without which its managed policy allows nothing."""

from aws_cdk import Stack
from aws_cdk.aws_iam import IRole, ManagedPolicy, Role, ServicePrincipal
from aws_cdk.aws_kms import IKey
from constructs import Construct

from infra.access import statements as allow
from infra.acknowledgements import acknowledge

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
# What EMR may work with, nothing else.
TAGGED_TYPES = ["AWS::EC2::SecurityGroup", "AWS::EC2::Subnet", "AWS::EC2::VPC", "AWS::EMR::Cluster"]


def service_role(
    scope: Construct, construct_id: str, *, instance_role: IRole, key: IKey | None, spot: bool
) -> Role:
    """Make the role that EMR assumes, for clusters of this account and region alone.

    It lets EMR start and end tagged instances in this account, and pass them their own role, no other.
    """
    stack = Stack.of(scope)
    # Not on behalf of another account's cluster (the confused deputy).
    clusters = stack.format_arn(service="elasticmapreduce", resource="*")
    own = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": clusters}}
    role = Role(
        Construct(scope, construct_id),
        "Role",
        assumed_by=ServicePrincipal("elasticmapreduce.amazonaws.com", conditions=own),
        managed_policies=[ManagedPolicy.from_aws_managed_policy_name(MANAGED_POLICY)],
        description="EMR, for its clusters here",
    )
    grants = [allow.pass_role("PassInstanceRole", instance_role, "ec2.amazonaws.com"), *_encrypt_volumes(key)]
    if spot:
        grants.append(_make_spot_role(stack))
    allow.grant(role, grants, "The right to pass one role belongs to this role and to no other")
    managed = f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{MANAGED_POLICY}]"
    acknowledge(role, {managed: MANAGED_POLICY_REASON})
    return role


def _make_spot_role(stack: Stack) -> allow.Grant:
    """Let EMR make the role through which EC2 starts Spot nodes, in an account that never had any.

    AmazonEMRServicePolicy_v2 does not allow it:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
    """
    name = "aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
    role = stack.format_arn(service="iam", region="", resource="role", resource_name=name)
    of_spot = {"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}}
    return allow.Grant("MakeSpotRole", ["iam:CreateServiceLinkedRole"], [role], of_spot)


def _encrypt_volumes(key: IKey | None) -> list[allow.Grant]:
    """Let EMR make the nodes' encrypted volumes; EC2 then uses the key by a grant of its own."""
    if key is None:
        return []
    for_aws = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    volumes = allow.Grant("GrantVolumes", ["kms:CreateGrant"], [key.key_arn], for_aws)
    return [*allow.use_key("EncryptVolumes", key, VOLUME_KEY), volumes]
