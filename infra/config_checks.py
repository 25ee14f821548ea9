"""What fields must say together: instance types, sizes, cost, retention, and what exists already."""

from pathlib import Path
from typing import TYPE_CHECKING

from infra.cost import largest_hourly_cost
from infra.errors import ConfigError
from infra.instances import instance_types, similar_in
from infra.prices import has_price, priced_families
from infra.sizing import NodeTooSmallError, spark_configuration

if TYPE_CHECKING:
    from infra.config import DeploymentConfig

# GDPR: images are uploaded for processing only.
MOST_RETENTION_DAYS = 15


def check(config: "DeploymentConfig") -> None:
    """Nothing when all is well.

    Raises:
        ConfigError: naming the first field that contradicts another.
    """
    for name in ("primary_instance_types", "core_instance_types", "task_instance_types"):
        _check_types(config, name)
    _check_nodes_alike(config)
    if config.core_maximum < config.core_minimum:
        raise ConfigError(
            "core_maximum", config.core_maximum, f"must be at least core_minimum={config.core_minimum}"
        )
    _check_cost(config)
    _check_data(config)
    _check_what_exists(config)


def _check_types(config: "DeploymentConfig", field: str) -> None:
    architectures = set()
    for name in getattr(config, field):
        known = instance_types().get(name)
        if known is None or config.region not in known.regions:
            raise ConfigError(
                field, name, f"{config.region} does not have it; allowed: {similar_in(config.region, name)}"
            )
        if not has_price(name, config.region):
            families = ", ".join(priced_families(config.region)) or "none yet"
            raise ConfigError(
                field, name, f"infra/prices.json has no price for it in {config.region}; it has: {families}"
            )
        architectures.add(known.architecture)
        if architectures != {config.architecture}:
            raise ConfigError(
                field,
                name,
                f"is {known.architecture}; all nodes must be {config.architecture}, as the wheels",
            )


def _check_nodes_alike(config: "DeploymentConfig") -> None:
    """One Spark configuration serves core and task nodes, and each node is one unit of its fleet."""
    first = instance_types()[config.core_instance_types[0]]
    for field in ("core_instance_types", "task_instance_types"):
        for name in getattr(config, field):
            other = instance_types()[name]
            if (other.vcpu, other.memory_mib) != (first.vcpu, first.memory_mib):
                size = f"{first.vcpu} vCPU and {first.memory_mib // 1024} GiB, as {first.name}"
                raise ConfigError(field, name, f"core and task types must all have {size}")
    try:
        spark_configuration(first, model=config.model, engine=config.engine)
    except NodeTooSmallError as error:
        raise ConfigError("core_instance_types", first.name, f"{error}; allowed: larger types") from None


def _check_cost(config: "DeploymentConfig") -> None:
    cost = largest_hourly_cost(config.fleets, config.region, public=config.public_nodes)
    if cost > config.max_hourly_cost_usd:
        raise ConfigError(
            "max_hourly_cost_usd",
            config.max_hourly_cost_usd,
            f"the cluster at its largest costs {cost:.2f} USD an hour; lower core_maximum or task_maximum, "
            "or allow more",
        )


def _check_data(config: "DeploymentConfig") -> None:
    if config.retention_days > MOST_RETENTION_DAYS and not config.retention_reason:
        raise ConfigError(
            "retention_days",
            config.retention_days,
            f"allowed: 1 to {MOST_RETENTION_DAYS}; more with retention_reason",
        )
    if len(set(config.image_sources)) < len(config.image_sources):
        raise ConfigError("image_sources", config.image_sources, "each name once")
    strangers = sorted(set(config.existing_image_buckets) - set(config.image_sources))
    if strangers:
        allowed = ", ".join(config.image_sources)
        raise ConfigError("existing_image_buckets", strangers, f"allowed: names in image_sources ({allowed})")
    if config.weights not in (None, "random") and not Path(str(config.weights)).is_file():
        raise ConfigError("weights", config.weights, "no such file; allowed: an existing file, or random")


def _check_what_exists(config: "DeploymentConfig") -> None:
    if config.vpc_id and not config.account:
        raise ConfigError("vpc_id", config.vpc_id, "needs `account` as well: it is looked up there")
    if config.kms_key_arn and f":{config.region}:" not in config.kms_key_arn:
        raise ConfigError("kms_key_arn", config.kms_key_arn, f"must be in region={config.region}")
