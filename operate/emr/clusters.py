"""Clusters, as EMR tells of them: thin callers that answer with plain records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from operate.errors import OperateError

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

READY = ("RUNNING", "WAITING")
LIVE = ("STARTING", "BOOTSTRAPPING", *READY)
IDLE = "WAITING"
DENIED = ("AccessDeniedException", "AccessDenied")


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
    log_uri: str
    primary_dns: str

    @property
    def live(self) -> bool:
        """Whether a step can be submitted to it."""
        return self.state in LIVE

    @classmethod
    def from_emr(cls, cluster: Mapping[str, Any]) -> Self:
        """Read a cluster from what DescribeCluster and ListClusters answer alike."""
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
            # EMR answers with the scheme that it uses itself.
            log_uri=cluster.get("LogUri", "").replace("s3n://", "s3://"),
            primary_dns=cluster.get("MasterPublicDnsName", ""),
        )


def describe_cluster(emr: EMRClient, cluster_id: str) -> Cluster:
    """Return one cluster.

    Raises:
        OperateError: EMR does not know it (any more: it forgets clusters after two months).
    """
    try:
        return Cluster.from_emr(emr.describe_cluster(ClusterId=cluster_id)["Cluster"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("InvalidRequestException", "ValidationException"):
            raise
        raise OperateError(
            f"EMR knows no cluster {cluster_id}: `make deploy CONTEXT='-c run=NAME'` makes another"
        ) from error


def list_clusters(emr: EMRClient, prefix: str, days: float) -> list[Cluster]:
    """Return the clusters whose name begins with `prefix`, made in the last `days`, the latest first."""
    since = datetime.now(UTC) - timedelta(days=days)
    pages = emr.get_paginator("list_clusters").paginate(CreatedAfter=since)
    clusters = [Cluster.from_emr(cluster) for page in pages for cluster in page["Clusters"]]
    return [cluster for cluster in clusters if cluster.name.startswith(prefix)]


def idle_timeout(emr: EMRClient, cluster_id: str) -> timedelta | None:
    """Return how long the cluster may idle before it ends; None: no such policy, or we may not ask."""
    try:
        policy = emr.get_auto_termination_policy(ClusterId=cluster_id).get("AutoTerminationPolicy") or {}
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIED:
            return None
        raise
    return timedelta(seconds=policy["IdleTimeout"]) if policy.get("IdleTimeout") else None


def most_nodes(emr: EMRClient, cluster_id: str) -> int | None:
    """Return how many core and task nodes scaling may reach; None: no such policy, or we may not ask."""
    try:
        policy = emr.get_managed_scaling_policy(ClusterId=cluster_id).get("ManagedScalingPolicy") or {}
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIED:
            return None
        raise
    limit = policy.get("ComputeLimits", {}).get("MaximumCapacityUnits")
    return int(limit) if limit else None
