"""`fruit plan`, put together with what reads the rates of a deployment's runs."""

from infra.commands.plan import make_plan_command
from infra.config.deployment import DeploymentConfig
from infra.costs.own_rates import OwnRate
from operate.connection import Connection, plain_aws_errors
from operate.runs.own_rates import own_rates


def _read_rates(config: DeploymentConfig) -> list[OwnRate]:
    with plain_aws_errors():
        return own_rates(Connection(config.stage, config.region))


plan_command = make_plan_command(_read_rates)
