"""The configuration of one deployment: frozen, typed, checked once."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import model_validator

from infra.config.checks import check
from infra.config.context import from_stage, typed_values
from infra.config.fields import DeploymentFields

# What differs by stage unless the configuration says otherwise.
STAGE_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "dev": {
        "network": "public",
        "removal_policy": "destroy",
        "replicate_images": False,
        "thumbnails": "keep",
    },
    "prod": {
        "network": "private",
        "removal_policy": "retain",
        "replicate_images": True,
        "thumbnails": "none",  # a picture ends with its photograph, unless somebody asks for it
    },
}


class DeploymentConfig(DeploymentFields, frozen=True, extra="forbid"):
    """What one `cdk deploy --all` builds and runs.

    Raises (when made through `from_context`):
        ConfigError: A field is unknown, of the wrong type, out of range, or contradicts another.
    """

    @model_validator(mode="before")
    @classmethod
    def _fill_in_stage(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**STAGE_DEFAULTS.get(str(values.get("stage", "dev")), {}), **values}

    @model_validator(mode="after")
    def _check(self) -> Self:
        check(self)
        return self

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Return the configuration in CDK's context, where `-c` has made every value a string.

        CDK's own keys are passed over; `stages` holds values for one stage, which the top level overrides.
        """
        return typed_values(cls, from_stage(context))
