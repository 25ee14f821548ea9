"""The key that encrypts data at rest."""

from aws_cdk import RemovalPolicy
from aws_cdk.aws_kms import IKey, Key
from constructs import Construct

from infra.config.deployment import DeploymentConfig
from infra.naming import PROJECT


def data_key(scope: Construct, config: DeploymentConfig) -> IKey | None:
    """The key of the buckets: the configured one, in `prod` one of ours that rotates every year, else none.

    Without a key S3 encrypts with its own (SSE-S3). A key costs 1 USD a month and `dev` must stay under 1 USD
    while idle: https://aws.amazon.com/kms/pricing/
    """
    if config.kms_key_arn is not None:
        return Key.from_key_arn(scope, "DataKey", config.kms_key_arn)
    if config.stage == "dev":
        return None
    return Key(
        scope,
        "DataKey",
        alias=f"{PROJECT}-{config.stage}-data",
        description=f"Encrypts images, results and logs of {PROJECT} {config.stage}",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.DESTROY if config.removal_policy == "destroy" else RemovalPolicy.RETAIN,
    )
