"""What tests of `submit` share: photographs to run on, and the steps that came of it."""

import boto3

from tests.aws.conftest import REGION


def put_photographs():
    """Two images in a class whose name has a space; the S3 client that put them."""
    s3 = boto3.client("s3", REGION)
    for number in range(2):
        s3.put_object(Bucket="fruit-images", Key=f"Training/Apple Red/{number}.jpg", Body=b"jpg")
    return s3


def steps(deployment):
    """Of its cluster, as EMR lists them."""
    return boto3.client("emr", REGION).list_steps(ClusterId=deployment.cluster_id)["Steps"]
