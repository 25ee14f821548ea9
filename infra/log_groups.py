"""Log groups in CloudWatch, whose entries expire as the configuration says."""

from typing import cast

from aws_cdk import CfnResource, RemovalPolicy
from aws_cdk.aws_logs import CfnLogGroup, ILogGroup, LogGroup, RetentionDays
from constructs import Construct, IConstruct

from infra.acknowledgements import acknowledge
from infra.config.deployment import DeploymentConfig


def log_group(scope: Construct, construct_id: str, config: DeploymentConfig) -> LogGroup:
    """Make a log group with entries that expire by `log_retention_days`; it stays where data stays."""
    retained = config.removal_policy == "retain"
    group = LogGroup(
        scope,
        construct_id,
        retention=RetentionDays.INFINITE,
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if retained else RemovalPolicy.DESTROY,
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


def write_log_to(log: ILogGroup, provider: IConstruct) -> None:
    """Let the function behind a resource of CDK's write to this group: Lambda's own would never expire."""
    handler = provider.node.find_child("Handler")
    if isinstance(handler, CfnResource):
        handler.add_property_override("LoggingConfig.LogGroup", log.log_group_name)
