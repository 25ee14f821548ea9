"""DescribeInstanceTypeOfferings, which MiniStack's EC2 has not: the types of the project's own table."""

from typing import Any

from ministack.core.responses import get_region
from ministack.services import ec2

from infra.config.instances import instance_types

# MiniStack's DescribeAvailabilityZones answers these three.
ZONES = ("a", "b", "c")


def install() -> None:
    """Let it answer."""
    ec2._ACTION_MAP["DescribeInstanceTypeOfferings"] = _describe


def _describe(parameters: dict[str, Any]) -> Any:
    region = get_region()
    wanted = ec2._parse_filters(parameters)
    kind = ec2._p(parameters, "LocationType") or "region"
    places = {"region": [region], "availability-zone": [f"{region}{zone}" for zone in ZONES]}
    if kind not in places:
        return ec2._error("InvalidParameterValue", f"the rehearsal knows no location type {kind}", 400)
    offered = [
        (name, place)
        for name, instance in sorted(instance_types().items())
        for place in places[kind]
        if region in instance.regions
        and name in wanted.get("instance-type", [name])
        and place in wanted.get("location", [place])
    ]
    items = "".join(
        f"<item><instanceType>{name}</instanceType><locationType>{kind}</locationType>"
        f"<location>{place}</location></item>"
        for name, place in offered
    )
    answer = f"<instanceTypeOfferingSet>{items}</instanceTypeOfferingSet>"
    return ec2._xml(200, "DescribeInstanceTypeOfferingsResponse", answer)
