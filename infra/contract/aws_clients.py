"""The types of boto3's clients, for the type checker: no program needs their stubs where it runs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient as CloudFormationClient
    from mypy_boto3_ec2 import EC2Client as EC2Client
    from mypy_boto3_emr import EMRClient as EMRClient
    from mypy_boto3_iam import IAMClient as IAMClient
    from mypy_boto3_s3 import S3Client as S3Client
    from mypy_boto3_service_quotas import ServiceQuotasClient as ServiceQuotasClient
    from mypy_boto3_ssm import SSMClient as SSMClient
else:
    CloudFormationClient = EC2Client = EMRClient = IAMClient = S3Client = Any
    ServiceQuotasClient = SSMClient = Any
