"""An instance fleet or an instance group: instances of one role, and how many of them are wanted."""

import time
from dataclasses import dataclass
from typing import Any, Literal

from rehearsal.emr.compute import Role
from rehearsal.emr.state.instance import Instance, Market
from rehearsal.emr.state.part import Part

MARKETS: tuple[Market, ...] = ("ON_DEMAND", "SPOT")
# EMR gives up on instances that fail one after the other; after how many it does not say.
FAILURES_BEFORE_SUSPENSION = 3


@dataclass(kw_only=True)
class Pool(Part):
    """A fleet or a group.

    Attributes:
        config: `InstanceFleetConfig` or `InstanceGroupConfig` as it stands in the request.
        targets: Units wanted of each market; in a group, instances.
        units_each: How many units one instance is worth.
        refusal: What EC2 said when it did not start another instance, empty when it started all.
        refused_since: When it first said so, in seconds of the monotonic clock.
        failures: How many instances failed since the last one that did not.
    """

    id: str
    kind: Literal["fleet", "group"]
    role: Role
    config: dict[str, Any]
    targets: dict[Market, int]
    instance_type: str
    units_each: int
    state: str = "PROVISIONING"
    refusal: str = ""
    refused_since: float = 0.0
    failures: int = 0

    @property
    def name(self) -> str:
        """Its name in the request, else one after its role."""
        return str(self.config.get("Name") or f"{self.role.title()} instance {self.kind}")

    @property
    def suspended(self) -> bool:
        """Whether EMR has given up on it."""
        return self.failures >= FAILURES_BEFORE_SUSPENSION

    @property
    def market(self) -> Market:
        """The market of a group; the one that a fleet prefers for more instances."""
        spot = self.config.get("Market") == "SPOT" or self.config.get("TargetSpotCapacity")
        return "SPOT" if spot else "ON_DEMAND"

    def new_instance(self, market: Market, region: str) -> Instance:
        """Return one more instance; of a fleet, always of the first type of its configuration."""
        return Instance(
            pool_id=self.id,
            role=self.role,
            type=self.instance_type,
            market=market,
            units=self.units_each,
            region=region,
        )

    def note_refusal(self, refusal: str) -> None:
        """Note what EC2 said to the last request for an instance, empty when it started it."""
        if not refusal:
            self.code = self.message = ""
        elif refusal != self.refusal:
            self.code, self.message, self.refused_since = "VALIDATION_ERROR", refusal, time.monotonic()
        self.refusal = refusal
