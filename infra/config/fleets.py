"""The three fleets of the cluster: which instance types, how many at least and at most."""

from dataclasses import dataclass
from typing import Literal

from infra.config.instances import InstanceType, instance_types
from infra.costs.prices import node_hour


@dataclass(frozen=True)
class Fleet:
    """One instance fleet; each instance counts as one unit, whatever its type."""

    name: Literal["primary", "core", "task"]
    types: tuple[str, ...]
    minimum: int
    maximum: int
    spot_share: float = 0.0

    @property
    def instances(self) -> tuple[InstanceType, ...]:
        """The types with their vCPU and memory."""
        return tuple(instance_types()[name] for name in self.types)

    def dearest_hour(self, region: str, *, public: bool) -> float:
        """Return the price of an hour of one node of the dearest type, in USD: EMR may choose any."""
        return max(node_hour(instance, region, public=public) for instance in self.instances)
