"""The monitoring stack: the topic of the alarms, and the budget; there before a pipeline that may fail."""

from typing import Any

from aws_cdk import RemovalPolicy, Stack
from aws_cdk.aws_budgets import CfnBudget
from aws_cdk.aws_iam import PolicyStatement, ServicePrincipal
from aws_cdk.aws_kms import Key
from aws_cdk.aws_sns import ITopic, Topic
from aws_cdk.aws_sns_subscriptions import EmailSubscription
from constructs import Construct

from infra.acknowledgements import acknowledge, skip_checkov
from infra.config.deployment import DeploymentConfig
from infra.contract import outputs
from infra.contract.names import PROJECT
from infra.stacks.stage_stack import StageStack


class MonitoringStack(StageStack):
    """The topic, to which alarms publish, and the budget: people hear of failures and costs through them."""

    def __init__(self, scope: Construct, config: DeploymentConfig) -> None:
        super().__init__(scope, "monitoring", config, "notifications and budget")
        topic = notification_topic(Construct(self, "Notifications"), config)
        budget = monthly_budget(Construct(self, "Budget"), config, topic)
        self.topic: ITopic = topic
        self.publish(
            {
                outputs.TOPIC_ARN: (topic.topic_arn, "Alarms and budget alerts go here"),
                outputs.BUDGET_NAME: (budget, "The monthly budget"),
            },
        )


def notification_topic(here: Construct, config: DeploymentConfig) -> Topic:
    """Make a topic that only this account's budgets and alarms publish to, over TLS."""
    key, named = None, f"{PROJECT} {config.stage}"
    if config.stage != "dev":
        # A key for the topic alone: services that publish may use it, and never the key of the data. Through
        # SNS's own key (alias/aws/sns) CloudWatch and Budgets could not publish.
        key = Key(
            here,
            "Key",
            alias=f"{PROJECT}-{config.stage}-notifications",
            description=f"Encrypts notifications of {named}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,  # nothing that lasts is encrypted with it
        )
    topic = Topic(here, "Topic", display_name=named, master_key=key, enforce_ssl=True)
    account = {"StringEquals": {"aws:SourceAccount": Stack.of(topic).account}}
    for service in ("budgets", "cloudwatch"):
        common: Any = {"principals": [ServicePrincipal(f"{service}.amazonaws.com")], "conditions": account}
        publish = PolicyStatement(
            sid=f"Publish{service.capitalize()}",
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            **common,
        )
        topic.add_to_resource_policy(publish)
        if key:  # in a key's policy, `*` is this key
            use = ["kms:Decrypt", "kms:GenerateDataKey"]
            key.add_to_resource_policy(PolicyStatement(actions=use, resources=["*"], **common))
    if config.notification_email:
        topic.add_subscription(EmailSubscription(config.notification_email))
    if key is None:
        reason = (
            "Messages name runs and sums, no data; a key costs 1 USD a month, and dev must stay under "
            "1 USD while idle (SNS encrypts its disks in any case)"
        )
        acknowledge(topic, {"NIST.800.53.R5-SNSEncryptedKMS": reason})
        skip_checkov(topic, "AWS::SNS::Topic", {"CKV_AWS_26": reason})
    return topic


def monthly_budget(here: Construct, config: DeploymentConfig, topic: Topic) -> str:
    """Alert when the month's cost passes 50, 80 and 100 % of the budget, and when its forecast passes 100 %.

    It counts the account's whole bill: one filtered by our tags would count nothing, silently, until somebody
    activates the tags in the billing console (docs/decisions/0009-storage.md).
    CloudFormation gives it the name that is returned: a budget of a fixed name could not be replaced, as a
    changed alert asks for.
    """
    sns = CfnBudget.SubscriberProperty(subscription_type="SNS", address=topic.topic_arn)
    above: Any = {"comparison_operator": "GREATER_THAN", "threshold_type": "PERCENTAGE"}
    alerts = []
    for kind, percent in (("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)):
        one = CfnBudget.NotificationProperty(notification_type=kind, threshold=percent, **above)
        alerts.append(CfnBudget.NotificationWithSubscribersProperty(notification=one, subscribers=[sns]))
    limit = CfnBudget.SpendProperty(amount=config.monthly_budget_usd, unit="USD")
    month = CfnBudget.BudgetDataProperty(budget_type="COST", time_unit="MONTHLY", budget_limit=limit)
    budget = CfnBudget(here, "Budget", budget=month, notifications_with_subscribers=alerts)
    # Budgets tries to publish when it is made: the topic's policy comes first.
    budget.node.add_dependency(topic.node.find_child("Policy"))
    return budget.ref
