"""A cluster as DescribeCluster and ListClusters show it; the caller holds its lock."""

from typing import Any

from rehearsal.emr.releases import application_version
from rehearsal.emr.state.capacity import normalized_hours
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.state.instance import reason, timeline

PROGRESS = {
    "STARTING": "Provisioning Amazon EC2 capacity",
    "BOOTSTRAPPING": "Running bootstrap actions",
    "RUNNING": "Running step",
    "WAITING": "Cluster ready to run steps.",
}
AS_REQUESTED = (
    "LogUri",
    "LogEncryptionKmsKeyId",
    "ServiceRole",
    "SecurityConfiguration",
    "AutoScalingRole",
    "CustomAmiId",
    "EbsRootVolumeSize",
    "EbsRootVolumeIops",
    "EbsRootVolumeThroughput",
    "RepoUpgradeOnBoot",
    "OSReleaseLabel",
    "ReleaseLabel",
    "MonitoringConfiguration",
    "SessionEnabled",
)
# Before releases EMR had AMI versions; this is the one it takes when none is named.
FIRST_AMI_VERSION = "1.0.0"


def describe_cluster(cluster: Cluster) -> dict[str, Any]:
    """Everything; ListClusters takes its part of it."""
    request = cluster.request
    primary = cluster.primary()
    return {
        **{name: request.get(name) for name in AS_REQUESTED},
        "Id": cluster.id,
        "Name": cluster.name,
        "Status": _status(cluster),
        "Ec2InstanceAttributes": _attributes(cluster),
        "InstanceCollectionType": "INSTANCE_FLEET" if cluster.uses_fleets else "INSTANCE_GROUP",
        "RequestedAmiVersion": request.get("AmiVersion"),
        "RunningAmiVersion": _ami_version(request),
        "AutoTerminate": not cluster.keep_alive,
        "TerminationProtected": cluster.protected,
        "UnhealthyNodeReplacement": cluster.unhealthy_replacement,
        "VisibleToAllUsers": cluster.visible,
        "Applications": _applications(request),
        "Tags": [{"Key": key, "Value": value} for key, value in cluster.tags.items()],
        "NormalizedInstanceHours": normalized_hours(cluster.instances),
        "MasterPublicDnsName": primary.host if primary else None,
        "Configurations": request.get("Configurations", []),
        "ScaleDownBehavior": request.get("ScaleDownBehavior", "TERMINATE_AT_TASK_COMPLETION"),
        "KerberosAttributes": _kerberos(request),
        "ClusterArn": cluster.arn,
        "StepConcurrencyLevel": cluster.step_concurrency,
        "PlacementGroups": request.get("PlacementGroupConfigs", []),
        "ExtendedSupport": cluster.extended_support,
    }


def _status(cluster: Cluster) -> dict[str, Any]:
    ending = cluster.ending
    told = reason(ending.code, ending.message) if ending else {"Message": PROGRESS[cluster.state]}
    return {
        "State": cluster.state,
        "StateChangeReason": told,
        "Timeline": timeline(cluster.created, cluster.ready, cluster.ended),
    }


def _attributes(cluster: Cluster) -> dict[str, Any]:
    asked = cluster.request["Instances"]
    subnets = asked.get("Ec2SubnetIds") or ([asked["Ec2SubnetId"]] if asked.get("Ec2SubnetId") else [])
    return {
        "Ec2KeyName": asked.get("Ec2KeyName"),
        "Ec2SubnetId": subnets[0] if subnets else None,
        "RequestedEc2SubnetIds": subnets,
        "Ec2AvailabilityZone": availability_zone(cluster),
        "RequestedEc2AvailabilityZones": _zones(cluster),
        "IamInstanceProfile": cluster.request.get("JobFlowRole"),
        "EmrManagedMasterSecurityGroup": asked.get("EmrManagedMasterSecurityGroup"),
        "EmrManagedSlaveSecurityGroup": asked.get("EmrManagedSlaveSecurityGroup"),
        "ServiceAccessSecurityGroup": asked.get("ServiceAccessSecurityGroup"),
        "AdditionalMasterSecurityGroups": asked.get("AdditionalMasterSecurityGroups", []),
        "AdditionalSlaveSecurityGroups": asked.get("AdditionalSlaveSecurityGroups", []),
    }


def availability_zone(cluster: Cluster) -> str:
    """Where its instances are: the first zone asked for, else the region's first."""
    return next(iter(_zones(cluster)), f"{cluster.region}a")


def _zones(cluster: Cluster) -> list[str]:
    placement = cluster.request["Instances"].get("Placement", {})
    one = [placement["AvailabilityZone"]] if placement.get("AvailabilityZone") else []
    return one or list(placement.get("AvailabilityZones", []))


def _ami_version(request: dict[str, Any]) -> str | None:
    return None if request.get("ReleaseLabel") else str(request.get("AmiVersion", FIRST_AMI_VERSION))


def _applications(request: dict[str, Any]) -> list[dict[str, Any]]:
    label = request.get("ReleaseLabel", "")
    asked = request.get("Applications", [])
    return [{"Version": application_version(label, each.get("Name", "")), **each} for each in asked]


def _kerberos(request: dict[str, Any]) -> dict[str, str] | None:
    """Without its passwords, as EMR answers."""
    asked = request.get("KerberosAttributes")
    return {**asked, "KdcAdminPassword": "********"} if asked else None
