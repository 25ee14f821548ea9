"""The monthly budget that tells the topic before the bill does."""

from aws_cdk.aws_budgets import CfnBudget
from aws_cdk.aws_sns import Topic
from constructs import Construct

from infra.config.deployment import DeploymentConfig

ALERT_PERCENTS = (50, 80, 100)


def monthly_budget(here: Construct, config: DeploymentConfig, topic: Topic) -> str:
    """Alert when the month's cost passes 50, 80 and 100 % of the budget, and when its forecast passes 100 %.

    It counts the account's whole bill: one filtered by our tags would count nothing, silently, until somebody
    activates the tags in the billing console (docs/decisions/0009-storage.md).
    CloudFormation names it: a budget of a fixed name could not be replaced, as a changed alert asks for.

    Returns:
        The name, as in the billing console.
    """
    subscriber = CfnBudget.SubscriberProperty(subscription_type="SNS", address=topic.topic_arn)
    alerts = [("ACTUAL", percent) for percent in ALERT_PERCENTS] + [("FORECASTED", 100)]
    budget = CfnBudget(
        here,
        "Budget",
        budget=CfnBudget.BudgetDataProperty(
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=CfnBudget.SpendProperty(amount=config.monthly_budget_usd, unit="USD"),
        ),
        notifications_with_subscribers=[
            CfnBudget.NotificationWithSubscribersProperty(
                notification=CfnBudget.NotificationProperty(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[subscriber],
            )
            for kind, percent in alerts
        ],
    )
    # Budgets tries to publish when it is made: the topic's policy comes first.
    budget.node.add_dependency(topic.node.find_child("Policy"))
    return budget.ref
