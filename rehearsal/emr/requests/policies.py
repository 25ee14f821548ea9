"""Managed scaling and auto-termination policies: what EMR refuses in them."""

from typing import Any

from rehearsal.emr.errors import refused

# https://docs.aws.amazon.com/emr/latest/APIReference/API_AutoTerminationPolicy.html, in seconds.
SHORTEST_IDLE, LONGEST_IDLE, DEFAULT_IDLE = 60, 604_800, 3600


def checked_auto_termination(policy: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the auto-termination policy, with EMR's hour where it names no time-out.

    Raises:
        EmrError: the time-out is out of range.
    """
    if policy is None:
        return None
    timeout = policy.get("IdleTimeout", DEFAULT_IDLE)
    if not SHORTEST_IDLE <= timeout <= LONGEST_IDLE:
        raise refused(
            f"The idle timeout must be between {SHORTEST_IDLE} and {LONGEST_IDLE} seconds, not {timeout}."
        )
    return {"IdleTimeout": timeout}


def checked_managed_scaling(policy: dict[str, Any] | None, uses_fleets: bool) -> dict[str, Any] | None:
    """Return the managed scaling policy.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_ComputeLimits.html

    Raises:
        EmrError: limits that contradict each other, or a unit that is not the cluster's.
    """
    if policy is None:
        return None
    limits = policy.get("ComputeLimits")
    if not limits:
        raise refused("ComputeLimits must be specified in a managed scaling policy.")
    if (limits["UnitType"] == "InstanceFleetUnits") != uses_fleets:
        kind = "instance fleets" if uses_fleets else "instance groups"
        raise refused(f"UnitType {limits['UnitType']} is not valid for a cluster with {kind}.")
    least, most = limits["MinimumCapacityUnits"], limits["MaximumCapacityUnits"]
    if least < 1 or most < least:
        raise refused(
            "MinimumCapacityUnits must be at least 1 and not greater than MaximumCapacityUnits: "
            f"they are {least} and {most}."
        )
    for name in ("MaximumOnDemandCapacityUnits", "MaximumCoreCapacityUnits"):
        if limits.get(name, 0) < 0 or limits.get(name, 0) > most:
            raise refused(f"{name} must be between 0 and MaximumCapacityUnits ({most}), not {limits[name]}.")
    return policy
