"""The configuration of one deployment: frozen, typed, checked once, and what its fields must say together."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from infra.config.context import from_stage, typed_values
from infra.config.fields import DeploymentFields
from infra.config.instances import instance_types
from infra.config.sizing import NodeTooSmallError
from infra.costs.cost import largest_hourly_cost
from infra.costs.prices import has_price, price_table, priced_families
from infra.errors import ConfigError

# GDPR: images are uploaded for processing only.
LEAST_RETENTION_DAYS = 4  # see infra/storage/bucket.py
MOST_RETENTION_DAYS = 15
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
# The field, its value, and what is wrong with it or allowed.
Problem = tuple[str, object, str]


class DeploymentConfig(DeploymentFields, frozen=True, extra="forbid"):
    """What one `cdk deploy --all` builds and runs."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_stage(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**STAGE_DEFAULTS.get(str(values.get("stage", "dev")), {}), **values}

    @model_validator(mode="after")
    def _check(self) -> Self:
        # The first alone: a later check takes for granted what an earlier one found right.
        looks = (_region, _types, _nodes, _sizes_and_cost, _data, _what_exists)
        for problem in (problem for look in looks for problem in look(self)):
            raise ConfigError(*problem)
        return self

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Return the configuration in CDK's context, where each value is a string. Raises ConfigError."""
        return typed_values(cls, from_stage(context))


def _region(config: DeploymentFields) -> Iterator[Problem]:
    if not priced_families(config.region):
        known = ", ".join(price_table()["ec2_xlarge_hour"])
        yield "region", config.region, f"no prices of it in infra/costs/prices.json; allowed: {known}"


def _types(config: DeploymentFields) -> Iterator[Problem]:
    region = config.region
    allowed = f"allowed: {', '.join(priced_families(region))}, of xlarge and above"
    for fleet in config.fleets:
        for name in fleet.types:
            known, field = instance_types().get(name), f"{fleet.name}_instance_types"
            if known is None or region not in known.regions:
                yield field, name, f"not among the types for EMR in {region}; {allowed}"
            elif not has_price(name, region):
                yield field, name, f"infra/costs/prices.json has no price for it in {region}; {allowed}"
            elif known.architecture != (wanted := config.architecture):
                words = f"is {known.architecture}, but all nodes must be as the primary's first: {wanted}"
                yield field, name, words


def _nodes(config: DeploymentFields) -> Iterator[Problem]:
    """Check that core and task nodes have one size: one Spark configuration serves both."""
    first = config.core_node
    size = f"{first.vcpu} vCPU and {first.memory_mib // 1024} GiB as {first.name} has"
    for fleet in config.fleets[1:]:
        for other in fleet.instances:
            if (other.vcpu, other.memory_mib) != (first.vcpu, first.memory_mib):
                yield f"{fleet.name}_instance_types", other.name, f"core and task nodes need {size}"
    try:
        config.sizing()
    except NodeTooSmallError as error:
        yield "core_instance_types", first.name, f"{error}; allowed: larger types"


def _sizes_and_cost(config: DeploymentFields) -> Iterator[Problem]:
    most, least = config.core_maximum, config.core_minimum
    if most < least:
        yield "core_maximum", most, f"must be at least core_minimum={least}"
    if config.task_maximum and most > least:
        words = (
            f"must be core_minimum={least}: beside task nodes, EMR adds core nodes for drivers alone; raise "
            "task_maximum, or do without task nodes (task_maximum=0)"
        )
        yield "core_maximum", most, words
    cost = largest_hourly_cost(config.fleets, config.region, public=config.public_nodes)
    if cost > config.max_hourly_cost_usd:
        words = (
            f"the cluster at its largest costs {cost:.2f} USD an hour; lower core_maximum or task_maximum, "
            "or allow more"
        )
        yield "max_hourly_cost_usd", config.max_hourly_cost_usd, words


def _data(config: DeploymentFields) -> Iterator[Problem]:
    days, sources = config.retention_days, config.image_sources
    if days > MOST_RETENTION_DAYS and not config.retention_reason:
        allowed = f"{LEAST_RETENTION_DAYS} to {MOST_RETENTION_DAYS}; more with retention_reason"
        yield "retention_days", days, f"allowed: {allowed}"
    if config.require_consent and config.keep_removed_reason:
        words = "excludes keep_removed_reason: images that are gone have no consent to ask for"
        yield "require_consent", config.require_consent, words
    if len(set(sources)) < len(sources):
        yield "image_sources", sources, "each name once"
    if strangers := sorted(set(config.existing_image_buckets) - set(sources)):
        yield "existing_image_buckets", strangers, f"allowed: names in image_sources ({', '.join(sources)})"
    if config.weights not in (None, "random") and not Path(str(config.weights)).is_file():
        yield "weights", config.weights, "no such file; allowed: an existing file, or random"


def _what_exists(config: DeploymentFields) -> Iterator[Problem]:
    if config.vpc_id and not config.account:
        yield "vpc_id", config.vpc_id, "needs `account` as well: it is looked up there"
    if config.kms_key_arn and f":{config.region}:" not in config.kms_key_arn:
        yield "kms_key_arn", config.kms_key_arn, f"must be in region={config.region}"
