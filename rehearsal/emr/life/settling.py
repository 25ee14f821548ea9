"""Waits, before a change is answered, for a light cluster to have made it."""

from functools import partial
from typing import Any

from rehearsal.emr.state.account import AccountState
from rehearsal.emr.state.cluster import ENDED, READY, Cluster
from rehearsal.emr.state.pool import Pool


def settle(state: AccountState, request: dict[str, Any], answer: dict[str, Any], seconds: float) -> None:
    """Wait until the clusters without YARN that a request names are at rest, but for their steps.

    Args:
        seconds: At most, for each.
    """
    named = _identifiers(request) | _identifiers(answer)
    for cluster in state.clusters:
        if not cluster.runs_yarn and named & {cluster.id, *(pool.id for pool in cluster.pools)}:
            with cluster.changed:
                cluster.changed.wait_for(partial(is_settled, cluster), seconds)


def is_settled(cluster: Cluster) -> bool:
    """Whether nothing but its steps goes on in a cluster."""
    if cluster.state in ENDED:
        return True
    if cluster.ending or cluster.state not in READY:
        return False
    if not cluster.keep_alive and not cluster.active_steps:
        return False
    return all(pool.suspended or _is_full(cluster, pool) for pool in cluster.pools)


def _is_full(cluster: Cluster, pool: Pool) -> bool:
    running = sum(each.units for each in cluster.of_pool(pool) if each.running)
    return pool.state == "RUNNING" and 0 <= running - sum(pool.targets.values()) < pool.units_each


def _identifiers(told: dict[str, Any]) -> set[str]:
    names = {str(told[name]) for name in ("ClusterId", "JobFlowId") if told.get(name)}
    groups = {str(each.get("InstanceGroupId")) for each in told.get("InstanceGroups", [])}
    return names | groups | set(told.get("JobFlowIds", []))
