"""AWS::EMR::Cluster: a cluster, its steps within it, and the wait until it runs."""

import time
from typing import Any

from rehearsal.emulator.api import client
from rehearsal.emulator.resource_types.emr_changes import apply_changes, in_place
from rehearsal.emulator.resource_types.emr_request import run_job_flow
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType

POLL_SECONDS = 0.25
ENDED = ("TERMINATED", "TERMINATED_WITH_ERRORS")


class ClusterFailedError(Exception):
    """The cluster did not come up; the message is EMR's reason."""


class EmrCluster(ResourceType):
    """`Ref` answers its id."""

    name = "AWS::EMR::Cluster"
    create_only = (
        *("AdditionalInfo", "Applications", "AutoScalingRole", "BootstrapActions", "Configurations"),
        *("CustomAmiId", "EbsRootVolumeIops", "EbsRootVolumeSize", "EbsRootVolumeThroughput", "JobFlowRole"),
        *("KerberosAttributes", "LogEncryptionKmsKeyId", "LogUri", "Name", "OSReleaseLabel"),
        *("PlacementGroupConfigs", "ReleaseLabel", "ScaleDownBehavior", "SecurityConfiguration"),
        *("ServiceRole", "Steps"),
    )

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Run it and wait until it runs or waits, or has done its steps and ended.

        Raises:
            ClusterFailedError: it ended with errors.
        """
        emr = client("emr")
        cluster: str = emr.run_job_flow(**run_job_flow(properties))["JobFlowId"]
        while (described := _described(cluster))["Status"]["State"] not in ("RUNNING", "WAITING", *ENDED):
            time.sleep(POLL_SECONDS)
        if described["Status"]["State"] == "TERMINATED_WITH_ERRORS":
            reason = described["Status"].get("StateChangeReason", {})
            raise ClusterFailedError(f"{cluster}: {reason.get('Code')}: {reason.get('Message')}")
        return cluster, _attributes(described)

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Policies, tags, concurrency, protection and sizes; an ended cluster has nothing to change."""
        described = _described(physical_id)
        if described["Status"]["State"] not in ENDED:
            apply_changes(physical_id, old, new)
        return _attributes(described)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Terminate it and wait for its end."""
        if _described(physical_id)["Status"]["State"] not in ENDED:
            client("emr").terminate_job_flows(JobFlowIds=[physical_id])
        while _described(physical_id)["Status"]["State"] not in ENDED:
            time.sleep(POLL_SECONDS)

    def replaces(self, old: Properties, new: Properties) -> bool:
        """Of `Instances` only sizes and protection change in place."""
        return not in_place(old["Instances"], new["Instances"])


def _described(cluster: str) -> dict[str, Any]:
    found: dict[str, Any] = client("emr").describe_cluster(ClusterId=cluster)["Cluster"]
    return found


def _attributes(described: dict[str, Any]) -> dict[str, Any]:
    return {"Id": described["Id"], "MasterPublicDNS": described.get("MasterPublicDnsName", "")}
