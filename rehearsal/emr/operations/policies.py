"""A cluster's policies: managed scaling and auto-termination, and what EMR refuses in them."""

from typing import Any

from rehearsal.emr.errors import not_emulated, refused
from rehearsal.emr.operations.account import Account, Message, check_alive
from rehearsal.emr.state.cluster import Cluster

# https://docs.aws.amazon.com/emr/latest/APIReference/API_AutoTerminationPolicy.html, in seconds.
SHORTEST_IDLE, LONGEST_IDLE, DEFAULT_IDLE = 60, 604_800, 3600


def put_managed_scaling_policy(account: Account, request: Message) -> Message:
    """Let EMR scale a cluster within limits."""
    cluster = account.cluster(request["ClusterId"])
    policy = checked_managed_scaling(request["ManagedScalingPolicy"], cluster.uses_fleets)
    return _set(cluster, "managed_scaling", policy)


def get_managed_scaling_policy(account: Account, request: Message) -> Message:
    """Return the limits within which EMR scales a cluster; nothing without a policy."""
    return {"ManagedScalingPolicy": account.cluster(request["ClusterId"]).managed_scaling}


def remove_managed_scaling_policy(account: Account, request: Message) -> Message:
    """Let a cluster keep its size."""
    return _set(account.cluster(request["ClusterId"]), "managed_scaling", None)


def put_auto_termination_policy(account: Account, request: Message) -> Message:
    """Let a cluster end when it has idled for a time."""
    policy = checked_auto_termination(request.get("AutoTerminationPolicy", {}))
    return _set(account.cluster(request["ClusterId"]), "auto_termination", policy)


def get_auto_termination_policy(account: Account, request: Message) -> Message:
    """Return after which idle time a cluster ends; nothing without a policy."""
    return {"AutoTerminationPolicy": account.cluster(request["ClusterId"]).auto_termination}


def remove_auto_termination_policy(account: Account, request: Message) -> Message:
    """Let a cluster live however long it idles."""
    return _set(account.cluster(request["ClusterId"]), "auto_termination", None)


def checked_auto_termination(policy: dict[str, Any]) -> dict[str, Any]:
    """Return the auto-termination policy, with EMR's hour where it names no time-out.

    Raises:
        EmrError: the time-out is out of range.
    """
    timeout = policy.get("IdleTimeout", DEFAULT_IDLE)
    if not SHORTEST_IDLE <= timeout <= LONGEST_IDLE:
        raise refused(
            f"The idle timeout must be between {SHORTEST_IDLE} and {LONGEST_IDLE} seconds, not {timeout}."
        )
    return {"IdleTimeout": timeout}


def checked_managed_scaling(policy: dict[str, Any], uses_fleets: bool) -> dict[str, Any]:
    """Return the managed scaling policy.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_ComputeLimits.html

    Raises:
        EmrError: limits that contradict each other, or a unit that is not the cluster's.
    """
    limits = policy.get("ComputeLimits")
    if not limits:
        raise refused("ComputeLimits must be specified in a managed scaling policy.")
    unit, least, most = (
        limits[name] for name in ("UnitType", "MinimumCapacityUnits", "MaximumCapacityUnits")
    )
    if unit == "VCPU":
        raise not_emulated("Managed scaling by vCPU")
    if (unit == "InstanceFleetUnits") != uses_fleets:
        kind = "instance fleets" if uses_fleets else "instance groups"
        raise refused(f"UnitType {unit} is not valid for a cluster with {kind}.")
    if least < 1 or most < least:
        raise refused(
            "MinimumCapacityUnits must be at least 1 and not greater than MaximumCapacityUnits: "
            f"they are {least} and {most}."
        )
    for name in ("MaximumOnDemandCapacityUnits", "MaximumCoreCapacityUnits"):
        if limits.get(name, 0) < 0 or limits.get(name, 0) > most:
            raise refused(f"{name} must be between 0 and MaximumCapacityUnits ({most}), not {limits[name]}.")
    return policy


def _set(cluster: Cluster, attribute: str, policy: Message | None) -> Message:
    with cluster.changed:
        check_alive(cluster)
        setattr(cluster, attribute, policy)
        cluster.notify()
    return {}
