"""The configuration that a deploy of this working tree would use."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from infra.command_line import context_of
from infra.config import DeploymentConfig
from infra.context import from_stage
from infra.field_types import Stage

STAGES: tuple[str, ...] = get_args(Stage)
CDK_JSON = Path(__file__).resolve().parent.parent / "cdk.json"


def configured_region(stage: str) -> str:
    """Where `make deploy` of this tree puts the stage."""
    fallback = DeploymentConfig.model_fields["region"].default
    return str(from_stage({**_context(), "stage": stage}).get("region", fallback))


def stage_configuration(stage: str, region: str, pairs: Iterable[str]) -> DeploymentConfig:
    """The stage's configuration, with what `-c FIELD=VALUE` says on top.

    Raises:
        ConfigError: a field is unknown or not allowed.
    """
    given = context_of(tuple(pairs))
    return DeploymentConfig.from_context({**_context(), "region": region, **given, "stage": stage})


def _context() -> dict[str, Any]:
    context: dict[str, Any] = json.loads(CDK_JSON.read_text()).get("context", {})
    return context
