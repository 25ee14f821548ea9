"""Log groups in CloudWatch: each ends its entries by the configuration."""

from typing import cast

from aws_cdk import RemovalPolicy
from aws_cdk.aws_logs import CfnLogGroup, LogGroup, RetentionDays
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.config.deployment import DeploymentConfig


def log_group(scope: Construct, construct_id: str, config: DeploymentConfig) -> LogGroup:
    """A log group whose entries go after `log_retention_days`; it stays after a destroy where data stays."""
    retained = config.removal_policy == "retain"
    group = LogGroup(
        scope,
        construct_id,
        retention=RetentionDays.INFINITE,
        removal_policy=RemovalPolicy.RETAIN if retained else RemovalPolicy.DESTROY,
    )
    # The enumeration has one name for each number that the configuration allows; the number says it.
    cast(CfnLogGroup, group.node.default_child).retention_in_days = config.log_retention_days
    acknowledge(
        group,
        {
            "NIST.800.53.R5-CloudWatchLogGroupEncrypted": "CloudWatch Logs encrypts every group with its own "
            "key; these entries hold addresses, states and counts, no image and no name of one"
        },
    )
    return group
