"""What the three stacks of a stage have in common: their names, their region, and outputs of exact names."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from infra.config.deployment import DeploymentConfig
from infra.contract.names import StackPart, stack_name


class StageStack(Stack):
    """One of the stacks of a stage, named by `infra.contract.names`, in the configured account and region."""

    def __init__(self, scope: Construct, part: StackPart, config: DeploymentConfig, description: str) -> None:
        super().__init__(
            scope,
            stack_name(config.stage, part),
            env=Environment(account=config.account, region=config.region),
            description=f"Fruit features: {description}",
            termination_protection=config.stage == "prod",
        )

    def publish(self, outputs: Mapping[str, tuple[str, str]]) -> None:
        """Give the stack outputs, name to value and description; CDK itself would prefix the names."""
        for name, (value, description) in outputs.items():
            output = CfnOutput(self, f"Output{name}", value=value, description=description)
            output.override_logical_id(name)
