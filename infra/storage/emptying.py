"""CDK's function that empties buckets on destroy: its log goes with it."""

from aws_cdk import CfnResource, RemovalPolicy, Stack
from aws_cdk.aws_logs import LogGroup, RetentionDays

from infra.acknowledgements import acknowledge, skip_checkov

PROVIDER_ID = "Custom::S3AutoDeleteObjectsCustomResourceProvider"


def keep_nothing_of_the_emptying_function(stack: Stack) -> None:
    """Give the function a log group that ends with the stack; its own would stay for ever."""
    provider = stack.node.try_find_child(PROVIDER_ID)
    if provider is None:
        return  # nothing is emptied on destroy
    log = LogGroup(
        stack, "EmptyingLog", retention=RetentionDays.ONE_WEEK, removal_policy=RemovalPolicy.DESTROY
    )
    handler = provider.node.find_child("Handler")
    if isinstance(handler, CfnResource):
        handler.add_property_override("LoggingConfig.LogGroup", log.log_group_name)
    reason = (
        "CloudWatch encrypts it with its own key; it holds no data, and a key of ours costs 1 USD a month"
    )
    acknowledge(log, {"NIST.800.53.R5-CloudWatchLogGroupEncrypted": reason})
    skip_checkov(log, "AWS::Logs::LogGroup", {"CKV_AWS_158": reason})
    runs_once = "Made by CDK; runs on destroy only, where CloudFormation waits for it and reports its failure"
    skips = dict.fromkeys(("CKV_AWS_115", "CKV_AWS_116", "CKV_AWS_117"), runs_once)
    skip_checkov(provider, "AWS::Lambda::Function", skips)
