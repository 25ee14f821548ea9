"""The compute limits of a managed scaling policy, and what a cluster has of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from rehearsal.emr.state.capacity import vcpus
from rehearsal.emr.state.instance import Instance


@dataclass(frozen=True)
class ScalingLimits:
    """In the policy's unit: instances, units of fleets, or vCPU; core and task nodes together."""

    unit: str
    least: int
    most: int
    most_on_demand: int
    most_core: int

    @classmethod
    def of(cls, policy: dict[str, Any]) -> Self:
        """From a policy as the API takes it; a limit that is not given is the maximum."""
        limits = policy["ComputeLimits"]
        most = limits["MaximumCapacityUnits"]
        return cls(
            unit=limits["UnitType"],
            least=limits["MinimumCapacityUnits"],
            most=most,
            most_on_demand=limits.get("MaximumOnDemandCapacityUnits", most),
            most_core=limits.get("MaximumCoreCapacityUnits", most),
        )

    def weight(self, instance: Instance) -> int:
        """What one instance counts."""
        if self.unit == "VCPU":
            return vcpus(instance.type)
        return instance.units if self.unit == "InstanceFleetUnits" else 1

    def used(self, instances: Iterable[Instance]) -> int:
        """What instances count together."""
        return sum(self.weight(instance) for instance in instances)

    def allow(self, present: list[Instance], more: Instance) -> bool:
        """Whether one more fits beside those present."""
        everything = [*present, more]
        on_demand = [each for each in everything if each.market == "ON_DEMAND"]
        core = [each for each in everything if each.role == "CORE"]
        return (
            self.used(everything) <= self.most
            and self.used(on_demand) <= self.most_on_demand
            and self.used(core) <= self.most_core
        )
