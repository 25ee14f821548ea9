"""An instance fleet or an instance group: instances of one role, and how many of them are wanted."""

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from rehearsal.emr.compute import Role
from rehearsal.emr.state.instance import Instance, Market

MARKETS: tuple[Market, ...] = ("ON_DEMAND", "SPOT")
# EMR gives up on instances that fail one after the other; after how many it does not say.
FAILURES_BEFORE_SUSPENSION = 3


@dataclass
class Pool:
    """Times are epoch seconds, None until they come.

    Attributes:
        config: As it stands in the request.
        targets: Units wanted of each market; in a group, instances.
        failures: Instances that failed since the last one that did not.
        doomed: EC2 ids of instances to leave first, as the caller wants.
        scaling_policy: Of a group, in force or None.
        configurations_version: Of a group, how often its configurations were set.
    """

    id: str
    kind: Literal["fleet", "group"]
    role: Role
    config: dict[str, Any]
    targets: dict[Market, int]
    instance_type: str
    units_each: int
    volumes_each: int
    state: str = "PROVISIONING"
    code: str = ""
    message: str = ""
    created: float = field(default_factory=time.time)
    ready: float | None = None
    ended: float | None = None
    failures: int = 0
    doomed: set[str] = field(default_factory=set)
    scaling_policy: dict[str, Any] | None = None
    configurations_version: int = 0

    @property
    def name(self) -> str:
        """As the request names it, else after its role."""
        default = {"MASTER": "Master", "CORE": "Core", "TASK": "Task"}[self.role]
        return str(self.config.get("Name") or f"{default} instance {self.kind}")

    @property
    def suspended(self) -> bool:
        """Whether EMR has given up on it."""
        return self.failures >= FAILURES_BEFORE_SUSPENSION

    @property
    def market(self) -> Market:
        """Of a group, its market; of a fleet, what it prefers for more."""
        if self.kind == "group":
            return "SPOT" if self.config.get("Market") == "SPOT" else "ON_DEMAND"
        return "SPOT" if self.config.get("TargetSpotCapacity") else "ON_DEMAND"

    def launch(self, market: Market, region: str) -> Instance:
        """One more instance: of a fleet, always of the first type of its configuration."""
        return Instance(
            pool_id=self.id,
            role=self.role,
            type=self.instance_type,
            market=market,
            units=self.units_each,
            region=region,
            volumes=self.volumes_each,
        )

    def set_targets(self, on_demand: int | None, spot: int | None) -> None:
        """Want other numbers; None leaves one as it is. A suspended pool tries again."""
        self.targets["ON_DEMAND"] = self.targets["ON_DEMAND"] if on_demand is None else on_demand
        self.targets["SPOT"] = self.targets["SPOT"] if spot is None else spot
        self.failures = 0


def volumes_of(config: dict[str, Any]) -> int:
    """EBS volumes of an instance, by its configuration."""
    blocks = config.get("EbsConfiguration", {}).get("EbsBlockDeviceConfigs", [])
    return sum(block.get("VolumesPerInstance", 1) for block in blocks)


def block_devices(config: dict[str, Any]) -> list[dict[str, Any]]:
    """A configuration's EBS volumes one by one, as answers show them."""
    blocks = config.get("EbsConfiguration", {}).get("EbsBlockDeviceConfigs", [])
    volumes = [
        block["VolumeSpecification"] for block in blocks for _ in range(block.get("VolumesPerInstance", 1))
    ]
    return [
        {"VolumeSpecification": volume, "Device": f"/dev/sd{chr(ord('b') + number)}"}
        for number, volume in enumerate(volumes)
    ]
