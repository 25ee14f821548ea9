"""The instance types a cluster can have, as EC2 describes them, and the three fleets made of them."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Architecture = Literal["x86_64", "arm64"]
DATA = Path(__file__).with_name("instance_types.json")


@dataclass(frozen=True)
class InstanceType:
    """One instance type, as EC2 describes it."""

    name: str
    vcpu: int
    memory_mib: int
    architecture: Architecture
    regions: tuple[str, ...]

    @property
    def family(self) -> str:
        """The part of the name before the size: `m5`."""
        return self.name.partition(".")[0]


@cache
def instance_types() -> dict[str, InstanceType]:
    """Return every instance type by name; `python -m infra.config.instance_survey` makes the file."""
    table = json.loads(DATA.read_text())
    return {
        name: InstanceType(name, **facts | {"regions": tuple(facts["regions"])})
        for name, facts in table.items()
    }


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
        return tuple(instance_types()[name] for name in self.types)
