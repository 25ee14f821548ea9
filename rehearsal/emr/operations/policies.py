"""A cluster's policies: managed scaling and auto-termination, and what EMR refuses in them."""

from collections.abc import Callable
from functools import partial

from rehearsal.emr.cluster import AUTO_TERMINATION, MANAGED_SCALING, Cluster
from rehearsal.emr.errors import not_emulated, refused
from rehearsal.emr.operations.account import Account, Message, check_alive

# https://docs.aws.amazon.com/emr/latest/APIReference/API_AutoTerminationPolicy.html, in seconds.
SHORTEST_IDLE, LONGEST_IDLE, DEFAULT_IDLE = 60, 604_800, 3600


def checked_policy(name: str, policy: Message, cluster: Cluster) -> Message:
    """Return a policy as it is in force: without a time-out, after EMR's hour.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_ComputeLimits.html

    Raises:
        EmrError: a time-out out of range, limits that contradict each other, or a unit of other clusters.
    """
    if name == AUTO_TERMINATION:
        timeout = policy.get("IdleTimeout", DEFAULT_IDLE)
        if not SHORTEST_IDLE <= timeout <= LONGEST_IDLE:
            raise refused(
                f"The idle timeout must be between {SHORTEST_IDLE} and {LONGEST_IDLE} seconds, not {timeout}."
            )
        return {"IdleTimeout": timeout}
    limits = policy.get("ComputeLimits")
    if not limits:
        raise refused("ComputeLimits must be specified in a managed scaling policy.")
    unit, least, most = (limits[key] for key in ("UnitType", "MinimumCapacityUnits", "MaximumCapacityUnits"))
    if unit == "VCPU":
        raise not_emulated("Managed scaling by vCPU")
    if (unit == "InstanceFleetUnits") != cluster.uses_fleets:
        kind = "instance fleets" if cluster.uses_fleets else "instance groups"
        raise refused(f"UnitType {unit} is not valid for a cluster with {kind}.")
    if least < 1 or most < least:
        raise refused(
            "MinimumCapacityUnits must be at least 1 and not greater than MaximumCapacityUnits: "
            f"they are {least} and {most}."
        )
    for key in ("MaximumOnDemandCapacityUnits", "MaximumCoreCapacityUnits"):
        if not 0 <= limits.get(key, 0) <= most:
            raise refused(f"{key} must be between 0 and MaximumCapacityUnits ({most}), not {limits[key]}.")
    return policy


def _put(name: str, account: Account, request: Message) -> Message:
    cluster = account.cluster(request["ClusterId"])
    return _set(cluster, name, checked_policy(name, request.get(name, {}), cluster))


def _get(name: str, account: Account, request: Message) -> Message:
    return {name: account.cluster(request["ClusterId"]).policies.get(name)}


def _remove(name: str, account: Account, request: Message) -> Message:
    return _set(account.cluster(request["ClusterId"]), name, None)


def _set(cluster: Cluster, name: str, policy: Message | None) -> Message:
    with cluster.changed:
        check_alive(cluster)
        cluster.policies[name] = policy
        cluster.notify()
    return {}


# Operation, as the model names it, to its function.
OPERATIONS: dict[str, Callable[[Account, Message], Message]] = {
    f"{verb}{name}": partial(function, name)
    for verb, function in (("Put", _put), ("Get", _get), ("Remove", _remove))
    for name in (MANAGED_SCALING, AUTO_TERMINATION)
}
