"""How much instances count: units of their fleets, and vCPU."""

import re
from collections.abc import Iterable

from infra.config.instances import instance_types
from rehearsal.emr.state.instance import Instance, Market
from rehearsal.emr.state.pool import MARKETS


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


def vcpus(instance_type: str) -> int:
    """Return the virtual processors of a type; of an unknown one by its size: 4 of an `xlarge`."""
    if known := instance_types().get(instance_type):
        return known.vcpu
    multiple = re.search(r"(\d*)xlarge$", instance_type)
    return 4 * int(multiple[1] or 1) if multiple else 2
