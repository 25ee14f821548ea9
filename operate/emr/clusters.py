"""Clusters, as EMR tells of them: thin callers that answer with plain records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from infra.contract.aws_clients import EMRClient
from infra.launch.checks import ACTIVE_CLUSTERS
from operate.errors import DENIED, UNKNOWN, OperateError, none_if_refused

LIVE = tuple(ACTIVE_CLUSTERS)
IDLE = "WAITING"
# EMR forgets a cluster two months after its end.
REMEMBERED_DAYS = 62.0


@dataclass(frozen=True)
class Cluster:
    """One cluster; times are UTC, None until they come."""

    id: str
    name: str
    state: str
    reason: str
    created: datetime | None
    ready: datetime | None
    ended: datetime | None
    release: str
    # ListClusters does not tell these.
    service_role: str = ""
    applications: tuple[str, ...] = ()
    security_configuration: str = ""
    zone: str = ""

    @property
    def live(self) -> bool:
        """Whether a step can be submitted to it."""
        return self.state in LIVE

    @classmethod
    def from_emr(cls, cluster: Mapping[str, Any]) -> Self:
        """Read a cluster from what DescribeCluster answers, or ListClusters, which knows less of it."""
        status = cluster["Status"]
        timeline = status.get("Timeline", {})
        return cls(
            id=cluster["Id"],
            name=cluster["Name"],
            state=status["State"],
            reason=(status.get("StateChangeReason") or {}).get("Message", ""),
            created=timeline.get("CreationDateTime"),
            ready=timeline.get("ReadyDateTime"),
            ended=timeline.get("EndDateTime"),
            release=cluster.get("ReleaseLabel", ""),
            service_role=cluster.get("ServiceRole", ""),
            applications=tuple(
                application.get("Name", "") for application in cluster.get("Applications", ())
            ),
            security_configuration=cluster.get("SecurityConfiguration", ""),
            zone=cluster.get("Ec2InstanceAttributes", {}).get("Ec2AvailabilityZone", ""),
        )


def find_cluster(emr: EMRClient, cluster_id: str) -> Cluster | None:
    """Return one cluster; None: EMR does not know it (any more: it forgets clusters after two months)."""
    answer = none_if_refused(UNKNOWN, lambda: emr.describe_cluster(ClusterId=cluster_id))
    return Cluster.from_emr(answer["Cluster"]) if answer else None


def describe_cluster(emr: EMRClient, cluster_id: str) -> Cluster:
    """Return one cluster. Raises OperateError where EMR does not know it."""
    cluster = find_cluster(emr, cluster_id)
    if cluster is None:
        raise OperateError(
            f"EMR knows no cluster {cluster_id}: it forgets clusters after two months; "
            "`cost --days=60` lists those that it knows"
        )
    return cluster


def list_clusters(emr: EMRClient, prefix: str, days: float) -> list[Cluster]:
    """Return the clusters whose name begins with `prefix`, made in the last `days`, the latest first."""
    since = datetime.now(UTC) - timedelta(days=days)
    pages = emr.get_paginator("list_clusters").paginate(CreatedAfter=since)
    clusters = (Cluster.from_emr(cluster) for page in pages for cluster in page["Clusters"])
    ours = [cluster for cluster in clusters if cluster.name.startswith(prefix)]
    return sorted(ours, key=lambda cluster: cluster.created or since, reverse=True)


def end_clusters(emr: EMRClient, cluster_ids: Sequence[str]) -> None:
    """End clusters and wait until they have ended: their nodes hold the network that they are in."""
    if cluster_ids:
        emr.terminate_job_flows(JobFlowIds=list(cluster_ids))
    for cluster_id in cluster_ids:
        emr.get_waiter("cluster_terminated").wait(ClusterId=cluster_id)


def idle_timeout(emr: EMRClient, cluster_id: str) -> timedelta | None:
    """Return how long the cluster may idle before it ends; None: no such policy, or we may not ask."""
    answer: Any = none_if_refused(DENIED, lambda: emr.get_auto_termination_policy(ClusterId=cluster_id)) or {}
    seconds = (answer.get("AutoTerminationPolicy") or {}).get("IdleTimeout")
    return timedelta(seconds=seconds) if seconds else None


def most_nodes(emr: EMRClient, cluster_id: str) -> int | None:
    """Return how many core and task nodes scaling may reach; None: no such policy, or we may not ask."""
    answer: Any = none_if_refused(DENIED, lambda: emr.get_managed_scaling_policy(ClusterId=cluster_id)) or {}
    policy = answer.get("ManagedScalingPolicy") or {}
    limit = policy.get("ComputeLimits", {}).get("MaximumCapacityUnits")
    return int(limit) if limit else None
