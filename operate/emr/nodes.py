"""Fleets and nodes of a cluster, as EMR tells of them: thin callers that answer with plain records."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.contract.aws_clients import EMRClient
from infra.run.functions.cost_limit.handler import paid_until


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
        """Whether it has left the cluster."""
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
    return [_node(node) for page in pages for node in page["Instances"]]


def _node(node: Mapping[str, Any]) -> Node:
    timeline = node.get("Status", {}).get("Timeline", {})
    return Node(
        id=node["Id"],
        ec2_id=node.get("Ec2InstanceId", ""),
        fleet_id=node.get("InstanceFleetId", node.get("InstanceGroupId", "")),
        type=node.get("InstanceType", ""),
        market=node.get("Market", "ON_DEMAND"),
        state=node.get("Status", {}).get("State", ""),
        public=bool(node.get("PublicIpAddress")),
        created=timeline.get("CreationDateTime"),
        ended=timeline.get("EndDateTime"),
    )
