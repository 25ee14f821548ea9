"""A cluster's events as EMR's documentation shows them.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-cloudwatch-events.html
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rehearsal.emr.events import Event, moment, state_change_reason
from rehearsal.emr.state.capacity import running_units

if TYPE_CHECKING:
    from rehearsal.emr.state.cluster import Cluster
    from rehearsal.emr.state.pool import Pool
    from rehearsal.emr.state.step import Step

CLUSTER_MESSAGES = {
    "STARTING": "was requested",
    "BOOTSTRAPPING": "began running bootstrap actions",
    "RUNNING": "began running steps",
    "WAITING": "was created and is ready for use",
    "TERMINATING": "began terminating",
    "TERMINATED": "has terminated",
    "TERMINATED_WITH_ERRORS": "has terminated with errors",
}
STEP_MESSAGES = {
    "PENDING": "was added to",
    "RUNNING": "started running in",
    "COMPLETED": "completed execution in",
    "FAILED": "failed in",
    "CANCELLED": "was cancelled in",
    "CANCEL_PENDING": "is being cancelled in",
    "INTERRUPTED": "was interrupted in",
}


def cluster_event(cluster: Cluster) -> Event:
    """The cluster entered its state."""
    ending = cluster.ending
    failed = cluster.state == "TERMINATED_WITH_ERRORS"
    why = f" with a reason of {ending.code}: {ending.message}" if ending else ""
    detail = {
        "severity": "CRITICAL" if failed else "INFO",
        "stateChangeReason": state_change_reason(*((ending.code, ending.message) if ending else ("", ""))),
        "name": cluster.name,
        "clusterId": cluster.id,
        "state": cluster.state,
        "message": f"Amazon EMR Cluster {cluster.id} ({cluster.name}) {CLUSTER_MESSAGES[cluster.state]} "
        f"at {moment(time.time())}{why}.",
    }
    return Event("EMR Cluster State Change", detail, cluster.account, cluster.region)


def step_event(cluster: Cluster, step: Step) -> Event:
    """A step entered its state."""
    detail = {
        "severity": "ERROR" if step.state == "FAILED" else "INFO",
        "actionOnFailure": step.on_failure,
        "stepId": step.id,
        "name": step.name,
        "clusterId": cluster.id,
        "state": step.state,
        "message": f"Step {step.id} ({step.name}) {STEP_MESSAGES[step.state]} Amazon EMR cluster "
        f"{cluster.id} ({cluster.name}) at {moment(time.time())}.",
    }
    return Event("EMR Step Status Change", detail, cluster.account, cluster.region)


def pool_event(cluster: Cluster, pool: Pool) -> Event:
    """A fleet or group entered its state."""
    kind = f"instance {pool.kind}"
    common = {
        "severity": "ERROR" if pool.suspended else "INFO",
        "clusterId": cluster.id,
        "state": pool.state,
        "message": f"The {kind} {pool.id} of type {pool.role} in Amazon EMR cluster {cluster.id} "
        f"({cluster.name}) is {pool.state} since {moment(time.time())}.",
    }
    specific = _fleet_detail(cluster, pool) if pool.kind == "fleet" else _group_detail(cluster, pool)
    detail_type = f"EMR {kind.title()} State Change"
    return Event(detail_type, {**common, **specific}, cluster.account, cluster.region)


def _fleet_detail(cluster: Cluster, pool: Pool) -> dict[str, str]:
    running = running_units(cluster.of_pool(pool))
    return {
        "provisionedOnDemandCapacity": str(running["ON_DEMAND"]),
        "provisionedSpotCapacity": str(running["SPOT"]),
        "targetOnDemandCapacity": str(pool.targets["ON_DEMAND"]),
        "targetSpotCapacity": str(pool.targets["SPOT"]),
        "instanceFleetId": pool.id,
        "instanceFleetType": pool.role,
    }


def _group_detail(cluster: Cluster, pool: Pool) -> dict[str, str]:
    return {
        "market": pool.market,
        "requestedInstanceCount": str(sum(pool.targets.values())),
        "runningInstanceCount": str(sum(running_units(cluster.of_pool(pool)).values())),
        "instanceType": pool.instance_type,
        "instanceGroupType": pool.role,
        "instanceGroupId": pool.id,
    }
