"""A cluster as DescribeCluster, ListClusters and DescribeJobFlows show it; the caller holds its lock."""

from typing import Any

from rehearsal.emr.capacity import normalized_hours, running_units
from rehearsal.emr.cluster import Cluster
from rehearsal.emr.instance import Instance, reason, timeline
from rehearsal.emr.pool import Pool
from rehearsal.emr.releases import application_version

PROGRESS = {
    "STARTING": "Provisioning Amazon EC2 capacity",
    "BOOTSTRAPPING": "Running bootstrap actions",
    "RUNNING": "Running step",
    "WAITING": "Cluster ready to run steps.",
}
# The oldest states of the API, of job flows.
FLOW_STATES = {"TERMINATING": "SHUTTING_DOWN", "TERMINATED_WITH_ERRORS": "FAILED"}
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


def describe_flow(cluster: Cluster) -> dict[str, Any]:
    """As DescribeJobFlows shows it."""
    request = cluster.request
    actions = [{"BootstrapActionConfig": each} for each in request.get("BootstrapActions", [])]
    return {
        **{
            name: request.get(name)
            for name in ("LogUri", "LogEncryptionKmsKeyId", "JobFlowRole", "ServiceRole")
        },
        **{name: request.get(name) for name in ("AutoScalingRole", "AmiVersion", "ScaleDownBehavior")},
        "JobFlowId": cluster.id,
        "Name": cluster.name,
        "ExecutionStatusDetail": _flow_status(cluster),
        "Instances": _flow_instances(cluster),
        "Steps": [step.describe_detail() for step in cluster.steps],
        "BootstrapActions": actions or None,
        "SupportedProducts": request.get("SupportedProducts", []),
        "VisibleToAllUsers": cluster.visible,
    }


def flow_state(cluster: Cluster) -> str:
    """The state of the job flow: COMPLETED tells a cluster that ran out of steps from one that was ended."""
    if cluster.state == "TERMINATED" and cluster.ending and cluster.ending.code == "ALL_STEPS_COMPLETED":
        return "COMPLETED"
    return FLOW_STATES.get(cluster.state, cluster.state)


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
    zones = _zones(cluster)
    return {
        "Ec2KeyName": asked.get("Ec2KeyName"),
        "Ec2SubnetId": subnets[0] if subnets else None,
        "RequestedEc2SubnetIds": subnets,
        "Ec2AvailabilityZone": zones[0] if zones else f"{cluster.region}a",
        "RequestedEc2AvailabilityZones": zones,
        "IamInstanceProfile": cluster.request.get("JobFlowRole"),
        "EmrManagedMasterSecurityGroup": asked.get("EmrManagedMasterSecurityGroup"),
        "EmrManagedSlaveSecurityGroup": asked.get("EmrManagedSlaveSecurityGroup"),
        "ServiceAccessSecurityGroup": asked.get("ServiceAccessSecurityGroup"),
        "AdditionalMasterSecurityGroups": asked.get("AdditionalMasterSecurityGroups", []),
        "AdditionalSlaveSecurityGroups": asked.get("AdditionalSlaveSecurityGroups", []),
    }


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


def _flow_status(cluster: Cluster) -> dict[str, Any]:
    return {
        "State": flow_state(cluster),
        "CreationDateTime": cluster.created,
        "StartDateTime": cluster.ready,
        "ReadyDateTime": cluster.ready,
        "EndDateTime": cluster.ended,
        "LastStateChangeReason": cluster.ending.message if cluster.ending else None,
    }


def _flow_instances(cluster: Cluster) -> dict[str, Any]:
    asked, primary = cluster.request["Instances"], cluster.primary()
    types = {pool.role: pool.instance_type for pool in reversed(cluster.pools)}
    groups = [_flow_group(pool, cluster.of_pool(pool)) for pool in cluster.pools if pool.kind == "group"]
    return {
        **{name: asked.get(name) for name in ("Ec2KeyName", "Ec2SubnetId", "HadoopVersion")},
        "MasterInstanceType": types["MASTER"],
        "MasterPublicDnsName": primary.host if primary else None,
        "MasterInstanceId": primary.ec2_id if primary else None,
        "SlaveInstanceType": types.get("CORE", types["MASTER"]),
        "InstanceCount": sum(sum(pool.targets.values()) for pool in cluster.pools),
        "InstanceGroups": groups,
        "NormalizedInstanceHours": normalized_hours(cluster.instances),
        "Placement": {"AvailabilityZone": _attributes(cluster)["Ec2AvailabilityZone"]},
        "KeepJobFlowAliveWhenNoSteps": cluster.keep_alive,
        "TerminationProtected": cluster.protected,
        "UnhealthyNodeReplacement": cluster.unhealthy_replacement,
    }


def _flow_group(pool: Pool, instances: list[Instance]) -> dict[str, Any]:
    return {
        "InstanceGroupId": pool.id,
        "Name": pool.name,
        "Market": pool.market,
        "InstanceRole": pool.role,
        "BidPrice": pool.config.get("BidPrice"),
        "InstanceType": pool.instance_type,
        "InstanceRequestCount": sum(pool.targets.values()),
        "InstanceRunningCount": sum(running_units(instances).values()),
        "State": pool.state,
        "LastStateChangeReason": pool.message,
        "CreationDateTime": pool.created,
        "StartDateTime": pool.ready,
        "ReadyDateTime": pool.ready,
        "EndDateTime": pool.ended,
        "CustomAmiId": pool.config.get("CustomAmiId"),
    }
