"""What MiniStack's EC2 leaves out: the instance types that zones offer, and dry runs."""

from typing import Any

from ministack.core.responses import get_region
from ministack.services import ec2

from infra.config.instances import instance_types

# MiniStack's DescribeAvailabilityZones answers these three.
ZONES = ("a", "b", "c")


def install() -> None:
    """Complete MiniStack's EC2 in place."""
    actions = ec2._ACTION_MAP
    actions["DescribeInstanceTypeOfferings"] = _describe_offerings
    actions["RunInstances"] = _heeding_dry_run(actions["RunInstances"])


def _describe_offerings(parameters: dict[str, Any]) -> Any:
    """Answer in which zones types are offered; offers by other places nobody here asks for."""
    region, wanted = get_region(), ec2._parse_filters(parameters).get("instance-type")
    items = "".join(
        f"<item><instanceType>{name}</instanceType><locationType>availability-zone</locationType>"
        f"<location>{region}{zone}</location></item>"
        for name, instance in sorted(instance_types().items())
        for zone in ZONES
        if region in instance.regions and (not wanted or name in wanted)
    )
    answer = f"<instanceTypeOfferingSet>{items}</instanceTypeOfferingSet>"
    return ec2._xml(200, "DescribeInstanceTypeOfferingsResponse", answer)


def _heeding_dry_run(action: Any) -> Any:
    def run(parameters: dict[str, Any]) -> Any:
        if ec2._p(parameters, "DryRun") == "true":
            message = "Request would have succeeded, but DryRun flag is set."
            return ec2._error("DryRunOperation", message, 412)
        return action(parameters)

    return run
