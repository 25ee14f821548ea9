"""How much instances count: units, vCPU and normalized hours."""

import re
from collections.abc import Iterable

from infra.config.instances import instance_types
from rehearsal.emr.state.instance import Instance, Market
from rehearsal.emr.state.pool import MARKETS

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/apply_ri.html: sizes in normalized units.
SMALL_SIZES = {"nano": 0.25, "micro": 0.5, "small": 1.0, "medium": 2.0, "large": 4.0, "xlarge": 8.0}


def running_units(instances: Iterable[Instance]) -> dict[Market, int]:
    """Return the units of the instances that run, by market."""
    return _units([instance for instance in instances if instance.state == "RUNNING"])


def wanted_units(instances: Iterable[Instance]) -> dict[Market, int]:
    """Return the units of the instances that run or come, and stay, by market."""
    return _units([instance for instance in instances if instance.counts])


def _units(instances: list[Instance]) -> dict[Market, int]:
    return {
        market: sum(instance.units for instance in instances if instance.market == market)
        for market in MARKETS
    }


def normalized_factor(instance_type: str) -> float:
    """Return the normalized hours of one hour: 1 of a `small`, 8 of an `xlarge`, 8 N of an `Nxlarge`."""
    size = instance_type.rpartition(".")[2]
    if size in SMALL_SIZES:
        return SMALL_SIZES[size]
    multiple = re.fullmatch(r"(\d+)xlarge", size)
    return 8.0 * int(multiple[1]) if multiple else 8.0


def vcpus(instance_type: str) -> int:
    """Return the virtual processors of a type; of an unknown one by its size: 4 of an `xlarge`."""
    known = instance_types().get(instance_type)
    return known.vcpu if known else max(1, int(normalized_factor(instance_type) / 2))


def normalized_hours(instances: Iterable[Instance]) -> int:
    """Return what EMR shows for a cluster so far, in whole hours."""
    seconds = sum(instance.seconds() * normalized_factor(instance.type) for instance in instances)
    return int(seconds // 3600)
