"""The configuration that a deploy of this working tree would use."""

from collections.abc import Iterable
from typing import get_args

from infra.checkout import cdk_json_context
from infra.config.context import context_of, from_stage
from infra.config.deployment import DeploymentConfig
from infra.config.field_types import Stage

STAGES: tuple[str, ...] = get_args(Stage)


def configured_region(stage: str) -> str:
    """Where `make deploy` of this tree puts the stage."""
    fallback = DeploymentConfig.model_fields["region"].default
    return str(from_stage({**cdk_json_context(), "stage": stage}).get("region", fallback))


def stage_configuration(stage: str, region: str, pairs: Iterable[str]) -> DeploymentConfig:
    """The stage's configuration, with what `-c FIELD=VALUE` says on top.

    Raises:
        ConfigError: a field is unknown or not allowed.
    """
    given = context_of(tuple(pairs))
    return DeploymentConfig.from_context({**cdk_json_context(), "region": region, **given, "stage": stage})
