"""The VPC's default security group loses its rules; the log of the function that does it ends."""

from aws_cdk import CfnResource, Stack
from constructs import Construct

from infra.config.deployment import DeploymentConfig
from infra.log_groups import log_group

PROVIDER_ID = "Custom::VpcRestrictDefaultSGCustomResourceProvider"


def end_log_of_the_emptying_function(scope: Construct, config: DeploymentConfig) -> None:
    """Give the function a log group of the stack's; Lambda's own would stay for ever, without an end."""
    handler = Stack.of(scope).node.find_child(PROVIDER_ID).node.find_child("Handler")
    if isinstance(handler, CfnResource):
        log = log_group(scope, "DefaultGroupLog", config)
        handler.add_property_override("LoggingConfig.LogGroup", log.log_group_name)
