"""The monitoring stack: notifications and the budget; there before a pipeline that may fail."""

from aws_cdk.aws_sns import ITopic
from constructs import Construct

from infra.config.deployment import DeploymentConfig
from infra.contract import outputs
from infra.notifications import monthly_budget, notification_topic
from infra.stacks.stage_stack import StageStack


class MonitoringStack(StageStack):
    """The topic and the budget through which people hear of failures and costs.

    Attributes:
        topic: Where alarms publish.
    """

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
