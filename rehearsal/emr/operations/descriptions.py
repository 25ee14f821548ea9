"""What answers show: clusters, states, and long lists in pages."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from rehearsal.emr.cluster import Cluster
from rehearsal.emr.errors import refused
from rehearsal.emr.parts import Ending, Part

Item = TypeVar("Item")
PROGRESS = {
    "STARTING": "Provisioning Amazon EC2 capacity",
    "BOOTSTRAPPING": "Running bootstrap actions",
    "RUNNING": "Running step",
    "WAITING": "Cluster ready to run steps.",
}


def page(
    name: str,
    items: Sequence[Item],
    request: Mapping[str, Any],
    describe: Callable[[Item], Any],
    *,
    size: int = 50,
    marker: str = "Marker",
) -> dict[str, Any]:
    """Return an answer with the page that a request asks for, and the marker of the next, if there is one.

    `name` is what the answer calls the items, `describe` makes of an item what it shows.
    """
    start = 0
    if given := request.get(marker):
        try:
            start = int(base64.urlsafe_b64decode(given.encode()).decode())
        except ValueError as error:
            raise refused(f"Marker '{given}' is not valid.") from error
    rest = start + size
    following = base64.urlsafe_b64encode(str(rest).encode()).decode() if rest < len(items) else None
    return {name: [describe(item) for item in items[start:rest]], marker: following}


def status(part: Part, reason: Part | Ending | None = None) -> dict[str, Any]:
    """Return the status of a cluster or a part of it, for its own reason or another one."""
    reason = reason or part
    texts = {"Code": reason.code, "Message": reason.message}
    return {
        "State": part.state,
        "StateChangeReason": {name: text for name, text in texts.items() if text},
        "Timeline": {
            "CreationDateTime": part.created,
            "ReadyDateTime": part.ready,
            "StartDateTime": part.ready,  # as a step calls it
            "EndDateTime": part.ended,
        },
    }


def cluster_description(cluster: Cluster) -> dict[str, Any]:
    """Return everything that DescribeCluster shows; ListClusters shows a part of it.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_Cluster.html
    """
    with cluster.changed:
        request = cluster.request
        primary = cluster.primary()
        return {
            # What the answer has not is cut off.
            **request,
            "Id": cluster.id,
            "Status": status(cluster, cluster.ending or Ending("", PROGRESS[cluster.state])),
            "Ec2InstanceAttributes": _attributes(cluster),
            "InstanceCollectionType": "INSTANCE_FLEET" if cluster.uses_fleets else "INSTANCE_GROUP",
            "AutoTerminate": not cluster.keep_alive,
            "TerminationProtected": False,
            "UnhealthyNodeReplacement": request["Instances"].get("UnhealthyNodeReplacement", False),
            "VisibleToAllUsers": request.get("VisibleToAllUsers", True),
            "Tags": [{"Key": key, "Value": value} for key, value in cluster.tags.items()],
            # In a private subnet, the private one.
            "MasterPublicDnsName": (primary.public_host or primary.host) if primary else None,
            "Configurations": request.get("Configurations", []),
            "ScaleDownBehavior": request.get("ScaleDownBehavior", "TERMINATE_AT_TASK_COMPLETION"),
            "ClusterArn": cluster.arn,
            "KerberosAttributes": None,  # they hold a password
            "StepConcurrencyLevel": 1,
            "PlacementGroups": request.get("PlacementGroupConfigs", []),
        }


def _attributes(cluster: Cluster) -> dict[str, Any]:
    instances = cluster.request["Instances"]
    placement = instances.get("Placement", {})
    zones = placement.get("AvailabilityZones", [])
    if zone := placement.get("AvailabilityZone"):
        zones = [zone]
    return {
        **cluster.security_groups,
        "Ec2KeyName": instances.get("Ec2KeyName"),
        "Ec2SubnetId": next(iter(cluster.subnet_ids), None),
        "RequestedEc2SubnetIds": cluster.subnet_ids,
        # The first zone of the request, else the region's first.
        "Ec2AvailabilityZone": next(iter(zones), f"{cluster.region}a"),
        "RequestedEc2AvailabilityZones": zones,
        "IamInstanceProfile": cluster.request.get("JobFlowRole"),
        "AdditionalMasterSecurityGroups": instances.get("AdditionalMasterSecurityGroups", []),
        "AdditionalSlaveSecurityGroups": instances.get("AdditionalSlaveSecurityGroups", []),
    }
