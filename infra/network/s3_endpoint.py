"""The gateway endpoint's policy: which buckets the cluster's subnets reach, and for what."""

from collections.abc import Sequence

from aws_cdk import Aws
from aws_cdk.aws_iam import AnyPrincipal, PolicyStatement

READ = ("s3:GetObject", "s3:GetObjectVersion")
WRITE = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
BUCKET = ("s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads")


def emr_buckets(region: str) -> dict[str, tuple[str, ...]]:
    """Return AWS's own buckets that an EMR 7 node needs: ARN of the objects to what a node does with them.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/private-subnet-iampolicy.html
    """
    return {
        # Packages of Amazon Linux 2023 and of EMR.
        f"arn:{Aws.PARTITION}:s3:::al2023-repos-{region}-de612dc2/*": ("s3:GetObject",),
        f"arn:{Aws.PARTITION}:s3:::repo.{region}.emr.amazonaws.com/*": ("s3:GetObject",),
        # EMR's copy of the nodes' system logs.
        f"arn:{Aws.PARTITION}:s3:::aws157-logs-prod-{region}/*": ("s3:PutObject",),
        # The persistent Spark UI.
        f"arn:{Aws.PARTITION}:s3:::prod.{region}.appinfo.src/*": ("s3:GetObject", *WRITE),
    }


def endpoint_statements(region: str, bucket_arns: Sequence[str]) -> list[PolicyStatement]:
    """Allow EMR's buckets, and ours for principals of our account; anything else in S3 is out of reach.

    Args:
        region: Where the endpoint is.
        bucket_arns: Buckets of the deployment, `arn:aws:s3:::NAME` each.
    """
    theirs = [
        PolicyStatement(principals=[AnyPrincipal()], actions=list(actions), resources=[objects])
        for objects, actions in emr_buckets(region).items()
    ]
    ours = PolicyStatement(
        principals=[AnyPrincipal()],
        actions=[*READ, *WRITE, *BUCKET],
        resources=[arn for bucket in bucket_arns for arn in (bucket, f"{bucket}/*")],
        conditions={"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}},
    )
    return [*theirs, ours]
