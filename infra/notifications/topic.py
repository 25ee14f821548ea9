"""The topic that alarms and the budget publish to, with the configured e-mail as its reader."""

from aws_cdk import RemovalPolicy, Stack
from aws_cdk.aws_iam import PolicyStatement, ServicePrincipal
from aws_cdk.aws_kms import Key
from aws_cdk.aws_sns import Topic
from aws_cdk.aws_sns_subscriptions import EmailSubscription
from constructs import Construct

from infra.acknowledgements import acknowledge, skip_checkov
from infra.config.deployment import DeploymentConfig
from infra.contract.names import PROJECT


class NotificationTopic(Construct):
    """A topic that only this account's budgets and alarms publish to, over TLS.

    Attributes:
        topic: The SNS topic.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: DeploymentConfig) -> None:
        super().__init__(scope, construct_id)
        # Not SNS's own key (alias/aws/sns): CloudWatch and Budgets could not publish through it.
        key = None if config.stage == "dev" else self._key(config)
        self.topic = Topic(
            self,
            "Topic",
            display_name=f"{PROJECT} {config.stage}",
            master_key=key,
            enforce_ssl=True,
        )
        self._let_services_publish(key)
        if config.notification_email:
            self.topic.add_subscription(EmailSubscription(config.notification_email))
        if key is None:
            reason = (
                "Messages name runs and sums, no data; a key costs 1 USD a month, and dev must stay under "
                "1 USD while idle (SNS encrypts its disks in any case)"
            )
            acknowledge(self.topic, {"NIST.800.53.R5-SNSEncryptedKMS": reason})
            skip_checkov(self.topic, "AWS::SNS::Topic", {"CKV_AWS_26": reason})

    def _key(self, config: DeploymentConfig) -> Key:
        """Make a key for the topic alone: services that publish may use it, and never the key of the data."""
        return Key(
            self,
            "Key",
            alias=f"{PROJECT}-{config.stage}-notifications",
            description=f"Encrypts notifications of {PROJECT} {config.stage}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,  # nothing that lasts is encrypted with it
        )

    def _let_services_publish(self, key: Key | None) -> None:
        stack = Stack.of(self)
        account = {"StringEquals": {"aws:SourceAccount": stack.account}}
        for service in ("budgets", "cloudwatch"):
            principal = ServicePrincipal(f"{service}.amazonaws.com")
            self.topic.add_to_resource_policy(
                PolicyStatement(
                    sid=f"Publish{service.capitalize()}",
                    principals=[principal],
                    actions=["sns:Publish"],
                    resources=[self.topic.topic_arn],
                    conditions=account,
                )
            )
            if key:
                key.add_to_resource_policy(
                    PolicyStatement(
                        principals=[principal],
                        actions=["kms:Decrypt", "kms:GenerateDataKey"],
                        resources=["*"],  # in a key's policy: this key
                        conditions=account,
                    )
                )
