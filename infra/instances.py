"""The instance types a cluster can have: vCPU, memory, architecture, and the regions that offer them."""

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


@cache
def instance_types() -> dict[str, InstanceType]:
    """Every instance type by name. `python -m tests.unit.infra.instance_survey` makes the file anew."""
    return {
        name: InstanceType(
            name, facts["vcpu"], facts["memory_mib"], facts["architecture"], tuple(facts["regions"])
        )
        for name, facts in json.loads(DATA.read_text()).items()
    }


def similar_in(region: str, name: str) -> str:
    """A few types that the region has, of the same size where there are any: for a message."""
    size = name.partition(".")[2]
    here = [known.name for known in instance_types().values() if region in known.regions]
    same_size = [known for known in here if known.endswith(f".{size}")]
    alike = sorted(
        same_size or [known for known in here if known.endswith(".xlarge")],
        key=lambda known: (known[0] != name[:1], known),
    )
    return ", ".join(alike[:5])
