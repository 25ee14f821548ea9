"""What fields must say together: instance types, sizes, cost, retention, and what exists already."""

from pathlib import Path

from infra.config.fields import DeploymentFields
from infra.config.fleets import Fleet
from infra.config.instances import instance_types
from infra.config.sizing import NodeTooSmallError
from infra.costs.cost import largest_hourly_cost
from infra.costs.prices import has_price, priced_families, priced_regions
from infra.errors import ConfigError

# GDPR: images are uploaded for processing only.
LEAST_RETENTION_DAYS = 4  # see infra/storage/lifecycle.py
MOST_RETENTION_DAYS = 15


def check(config: DeploymentFields) -> None:
    """Check what no field can say alone.

    Raises:
        ConfigError: A field contradicts another; the message names the first.
    """
    if not priced_families(config.region):
        raise ConfigError(
            "region",
            config.region,
            f"no prices of it in infra/costs/prices.json; allowed: {', '.join(priced_regions())}",
        )
    for fleet in config.fleets:
        _check_types(config, fleet)
    _check_nodes_alike(config)
    if config.core_maximum < config.core_minimum:
        raise ConfigError(
            "core_maximum", config.core_maximum, f"must be at least core_minimum={config.core_minimum}"
        )
    if config.task_maximum and config.core_maximum > config.core_minimum:
        raise ConfigError(
            "core_maximum",
            config.core_maximum,
            f"must be core_minimum={config.core_minimum}: beside task nodes, EMR adds core nodes for drivers "
            "alone; raise task_maximum, or do without task nodes (task_maximum=0)",
        )
    _check_cost(config)
    _check_data(config)
    _check_what_exists(config)


def _check_types(config: DeploymentFields, fleet: Fleet) -> None:
    for name in fleet.types:
        if problem := _problem_with(name, config):
            raise ConfigError(f"{fleet.name}_instance_types", name, problem)


def _problem_with(name: str, config: DeploymentFields) -> str | None:
    known = instance_types().get(name)
    if known is None or config.region not in known.regions:
        return f"not among the types for EMR in {config.region}; allowed: {_choices(config.region)}"
    if not has_price(name, config.region):
        allowed = _choices(config.region)
        return f"infra/costs/prices.json has no price for it in {config.region}; allowed: {allowed}"
    if known.architecture != config.architecture:
        return f"is {known.architecture}, but all nodes must be as the primary's first: {config.architecture}"
    return None


def _choices(region: str) -> str:
    return f"{', '.join(priced_families(region))}, of xlarge and above"


def _check_nodes_alike(config: DeploymentFields) -> None:
    """Check that core and task nodes have one size: one Spark configuration serves both."""
    first = config.core_node
    for fleet in config.fleets[1:]:
        for other in fleet.instances:
            if (other.vcpu, other.memory_mib) != (first.vcpu, first.memory_mib):
                size = f"{first.vcpu} vCPU and {first.memory_mib // 1024} GiB as {first.name} has"
                raise ConfigError(
                    f"{fleet.name}_instance_types", other.name, f"core and task nodes need {size}"
                )
    try:
        config.sizing()
    except NodeTooSmallError as error:
        raise ConfigError("core_instance_types", first.name, f"{error}; allowed: larger types") from None


def _check_cost(config: DeploymentFields) -> None:
    cost = largest_hourly_cost(config.fleets, config.region, public=config.public_nodes)
    if cost > config.max_hourly_cost_usd:
        raise ConfigError(
            "max_hourly_cost_usd",
            config.max_hourly_cost_usd,
            f"the cluster at its largest costs {cost:.2f} USD an hour; lower core_maximum or task_maximum, "
            "or allow more",
        )


def _check_data(config: DeploymentFields) -> None:
    if config.retention_days > MOST_RETENTION_DAYS and not config.retention_reason:
        raise ConfigError(
            "retention_days",
            config.retention_days,
            f"allowed: {LEAST_RETENTION_DAYS} to {MOST_RETENTION_DAYS}; more with retention_reason",
        )
    if config.require_consent and config.keep_removed_reason:
        raise ConfigError(
            "require_consent",
            config.require_consent,
            "excludes keep_removed_reason: images that are gone have no consent to ask for",
        )
    if len(set(config.image_sources)) < len(config.image_sources):
        raise ConfigError("image_sources", config.image_sources, "each name once")
    strangers = sorted(set(config.existing_image_buckets) - set(config.image_sources))
    if strangers:
        allowed = ", ".join(config.image_sources)
        raise ConfigError("existing_image_buckets", strangers, f"allowed: names in image_sources ({allowed})")
    if config.weights not in (None, "random") and not Path(str(config.weights)).is_file():
        raise ConfigError("weights", config.weights, "no such file; allowed: an existing file, or random")


def _check_what_exists(config: DeploymentFields) -> None:
    if config.vpc_id and not config.account:
        raise ConfigError("vpc_id", config.vpc_id, "needs `account` as well: it is looked up there")
    if config.kms_key_arn and f":{config.region}:" not in config.kms_key_arn:
        raise ConfigError("kms_key_arn", config.kms_key_arn, f"must be in region={config.region}")
