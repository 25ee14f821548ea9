"""`python -m infra.config.instance_survey` makes instance_types.json from what cfn-lint and moto know."""

import gzip
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from infra.config.field_types import Region

OUTPUT = Path(__file__).with_name("instance_types.json")
# General, compute and memory families of the last generations; no GPU, no bare metal, nothing below xlarge.
USEFUL = re.compile(r"(m5|m5a|m5d|c5|r5|[mcr]6[agi]|[mcr]7[agi]|[mc]7i-flex|[mcr]8g)\.(2|4|8|12|16)?xlarge")
ARCHITECTURES = {"x86_64", "arm64"}


def offered(region: str) -> set[str]:
    """Return the instance types that cfn-lint lets an EMR cluster have in the region."""
    schemas = files("cfnlint.data.schemas.extensions.aws_emr_cluster")
    text = (schemas / "instancetypeconfig_instancetype_enum.json").read_text()
    return set(json.loads(text)[region]["enum"])


def measures() -> dict[str, Any]:
    """Return what EC2 says of every instance type: vCPU, memory, architecture and more, as moto keeps it."""
    packed = files("moto.ec2") / "resources" / "instance_types.json.gz"
    known: dict[str, Any] = json.loads(gzip.decompress(packed.read_bytes()))
    return known


def survey() -> dict[str, Any]:
    """Return the useful instance types, with the regions of the European Union that have them."""
    regions = {region: offered(region) for region in get_args(Region)}
    every, found = measures(), {}
    for name in sorted(set[str]().union(*regions.values()) & set(every)):
        if USEFUL.fullmatch(name):
            architectures = ARCHITECTURES & set(every[name]["ProcessorInfo"]["SupportedArchitectures"])
            found[name] = {
                "vcpu": every[name]["VCpuInfo"]["DefaultVCpus"],
                "memory_mib": every[name]["MemoryInfo"]["SizeInMiB"],
                "architecture": next(iter(architectures)),
                "regions": [region for region, names in regions.items() if name in names],
            }
    return found


if __name__ == "__main__":
    lines = [f"  {json.dumps(name)}: {json.dumps(facts)}" for name, facts in survey().items()]
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
