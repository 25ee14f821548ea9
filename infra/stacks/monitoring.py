"""The monitoring stack: notifications and the budget; there before a pipeline that may fail."""

from typing import Any

from aws_cdk import Environment, Stack
from aws_cdk.aws_sns import ITopic
from constructs import Construct

from infra import outputs
from infra.config.deployment import DeploymentConfig
from infra.notifications.budget import MonthlyBudget
from infra.notifications.topic import NotificationTopic


class MonitoringStack(Stack):
    """Who is told of failures and costs.

    Attributes:
        topic: Alarms publish here.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: DeploymentConfig,
        env: Environment | None = None,
        **options: Any,
    ) -> None:
        super().__init__(scope, construct_id, env=env, **options)
        topic = NotificationTopic(self, "Notifications", config=config).topic
        budget = MonthlyBudget(self, "Budget", config=config, topic=topic)
        self.topic: ITopic = topic
        outputs.publish(self, outputs.TOPIC_ARN, self.topic.topic_arn, "Alarms and budget alerts go here")
        outputs.publish(self, outputs.BUDGET_NAME, budget.name, "The monthly budget")
