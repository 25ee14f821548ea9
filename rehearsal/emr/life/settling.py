"""Waits, before a change is answered, for the light clusters that it names to have made it."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from rehearsal.emr.state.cluster import ENDED, READY, Cluster
from rehearsal.emr.state.pool import Pool


def settle(clusters: Iterable[Cluster], messages: Iterable[dict[str, Any]], seconds: float) -> None:
    """Wait until the clusters without YARN that a message names are at rest, but for their steps.

    Args:
        messages: A request and its answer.
        seconds: How long at most, for each cluster.
    """
    named = set().union(*(_identifiers(message) for message in messages))
    for cluster in clusters:
        if not cluster.runs_yarn and named & {cluster.id, *(pool.id for pool in cluster.pools)}:
            with cluster.changed:
                cluster.changed.wait_for(partial(_is_settled, cluster), seconds)


def _is_settled(cluster: Cluster) -> bool:
    """Return whether nothing but its steps goes on in a cluster."""
    if cluster.state in ENDED:
        return True
    if cluster.ending or cluster.state not in READY:
        return False
    if not cluster.keep_alive and not cluster.active_steps:
        return False
    return all(pool.suspended or pool.refusal or _is_full(cluster, pool) for pool in cluster.pools)


def _is_full(cluster: Cluster, pool: Pool) -> bool:
    running = sum(instance.units for instance in cluster.of_pool(pool) if instance.running)
    return pool.state == "RUNNING" and 0 <= running - sum(pool.targets.values()) < pool.units_each


def _identifiers(message: dict[str, Any]) -> set[str]:
    clusters = {str(message[name]) for name in ("ClusterId", "JobFlowId") if message.get(name)}
    groups = {str(group.get("InstanceGroupId")) for group in message.get("InstanceGroups", [])}
    return clusters | groups | set(message.get("JobFlowIds", []))
