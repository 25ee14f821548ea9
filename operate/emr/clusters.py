"""Clusters, their fleets and nodes, as EMR tells of them: thin callers that answer with plain records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from infra.contract.aws_clients import EMRClient
from infra.launch.checks import ACTIVE_CLUSTERS
from infra.run.functions.cost_limit.handler import paid_until
from operate.errors import DENIED, UNKNOWN, OperateError, none_if_refused

LIVE = tuple(ACTIVE_CLUSTERS)
IDLE = "WAITING"
ROLE_NAMES = {"MASTER": "primary", "CORE": "core", "TASK": "task"}
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
            applications=tuple(one.get("Name", "") for one in cluster.get("Applications", ())),
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


def list_clusters(emr: EMRClient, prefix: str, days: float | None = None) -> list[Cluster]:
    """Return the clusters with such names, made in the last `days` (None: all), the latest first."""
    since = datetime.now(UTC) - timedelta(days=days or REMEMBERED_DAYS)
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


@dataclass(frozen=True)
class Fleet:
    """One instance fleet: what is asked for and what is there, in nodes."""

    id: str
    kind: str  # MASTER, CORE, TASK
    state: str
    on_demand: int
    on_demand_target: int
    spot: int
    spot_target: int


@dataclass(frozen=True)
class Node:
    """One instance of a cluster, running or gone."""

    id: str
    ec2_id: str
    fleet_id: str
    type: str
    market: str  # ON_DEMAND, SPOT
    state: str
    public: bool
    created: datetime | None
    ended: datetime | None
    paid_from: datetime | None = None  # of a share of its life; None: from its beginning

    @property
    def gone(self) -> bool:
        return self.state == "TERMINATED"

    def paid_hours(self, now: datetime) -> float:
        """Return for how long it is paid, up to now; 0 before it exists."""
        if self.created is None:
            return 0.0
        end = paid_until(self.created, self.ended or now)
        return (end - (self.paid_from or self.created)).total_seconds() / 3600


def list_fleets(emr: EMRClient, cluster_id: str) -> list[Fleet]:
    """Return the fleets of a cluster."""
    pages = emr.get_paginator("list_instance_fleets").paginate(ClusterId=cluster_id)
    fleets: list[Any] = [fleet for page in pages for fleet in page["InstanceFleets"]]
    return [
        Fleet(
            id=fleet["Id"],
            kind=fleet["InstanceFleetType"],
            state=fleet.get("Status", {}).get("State", ""),
            on_demand=fleet.get("ProvisionedOnDemandCapacity", 0),
            on_demand_target=fleet.get("TargetOnDemandCapacity", 0),
            spot=fleet.get("ProvisionedSpotCapacity", 0),
            spot_target=fleet.get("TargetSpotCapacity", 0),
        )
        for fleet in fleets
    ]


def list_nodes(emr: EMRClient, cluster_id: str) -> list[Node]:
    """Return every instance that a cluster has or had."""
    pages = emr.get_paginator("list_instances").paginate(ClusterId=cluster_id)
    told: list[Any] = [node for page in pages for node in page["Instances"]]
    return [
        Node(
            id=node["Id"],
            ec2_id=node.get("Ec2InstanceId", ""),
            fleet_id=node.get("InstanceFleetId", node.get("InstanceGroupId", "")),
            type=node.get("InstanceType", ""),
            market=node.get("Market", "ON_DEMAND"),
            state=node.get("Status", {}).get("State", ""),
            public=bool(node.get("PublicIpAddress")),
            created=node.get("Status", {}).get("Timeline", {}).get("CreationDateTime"),
            ended=node.get("Status", {}).get("Timeline", {}).get("EndDateTime"),
        )
        for node in told
    ]
