"""A cluster as DescribeJobFlows shows it, the API's oldest form; the caller holds its lock."""

from typing import Any

from rehearsal.emr.operations.cluster_description import availability_zone
from rehearsal.emr.state.capacity import normalized_hours, running_units
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.state.instance import Instance
from rehearsal.emr.state.pool import Pool

FLOW_STATES = {"TERMINATING": "SHUTTING_DOWN", "TERMINATED_WITH_ERRORS": "FAILED"}


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
        "Placement": {"AvailabilityZone": availability_zone(cluster)},
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
