"""The configuration that a deploy of this working tree would use."""

from collections.abc import Mapping
from typing import get_args

from infra.checkout import cdk_json_context
from infra.config.context import from_stage
from infra.config.deployment import DeploymentConfig
from infra.config.field_types import Stage
from infra.errors import ConfigError

STAGES: tuple[str, ...] = get_args(Stage)


def configured_region(stage: str) -> str:
    """Return the region into which a deploy of this tree puts the stage."""
    fallback = DeploymentConfig.model_fields["region"].default
    return str(from_stage({**cdk_json_context(), "stage": stage}).get("region", fallback))


def stage_configuration(stage: str, region: str, fields: Mapping[str, str]) -> DeploymentConfig:
    """Return the stage's configuration, with these fields on top.

    Raises:
        ConfigError: a field is unknown or not allowed, or names another stage.
    """
    if fields.get("stage", stage) != stage:
        raise ConfigError("-c stage", fields["stage"], f"the stage is {stage}: --stage names another")
    return DeploymentConfig.from_context({**cdk_json_context(), "region": region, **fields, "stage": stage})
