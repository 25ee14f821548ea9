"""Instance groups: from requests, and as answers show them."""

from typing import Any

from rehearsal.emr.errors import validation
from rehearsal.emr.identifiers import new_id
from rehearsal.emr.state.instance import reason, timeline
from rehearsal.emr.state.pool import Pool, block_devices, volumes_of


def group(config: dict[str, Any]) -> Pool:
    """A group as an InstanceGroupConfig asks for it; its scaling policy still names no cluster.

    Raises:
        EmrError: a negative count.
    """
    if config["InstanceCount"] < 0:
        raise validation("Instance count must not be negative.")
    spot = config.get("Market") == "SPOT" or ("Market" not in config and "BidPrice" in config)
    count = config["InstanceCount"]
    return Pool(
        id=new_id("ig"),
        kind="group",
        role=config["InstanceRole"],
        config={**config, "Market": "SPOT" if spot else "ON_DEMAND"},
        targets={"ON_DEMAND": 0 if spot else count, "SPOT": count if spot else 0},
        instance_type=config["InstanceType"],
        units_each=1,
        volumes_each=volumes_of(config),
        scaling_policy=config.get("AutoScalingPolicy"),
    )


def describe_group(pool: Pool, running: int) -> dict[str, Any]:
    """As ListInstanceGroups shows it."""
    configurations = pool.config.get("Configurations", [])
    return {
        "Id": pool.id,
        "Name": pool.name,
        "Market": pool.market,
        "InstanceGroupType": pool.role,
        "BidPrice": pool.config.get("BidPrice"),
        "InstanceType": pool.instance_type,
        "RequestedInstanceCount": sum(pool.targets.values()),
        "RunningInstanceCount": running,
        "Status": {
            "State": pool.state,
            "StateChangeReason": {"Code": "", "Message": "", **reason(pool.code, pool.message)},
            "Timeline": timeline(pool.created, pool.ready, pool.ended),
        },
        "Configurations": configurations,
        "ConfigurationsVersion": pool.configurations_version,
        "LastSuccessfullyAppliedConfigurations": configurations,
        "LastSuccessfullyAppliedConfigurationsVersion": pool.configurations_version,
        "EbsBlockDevices": block_devices(pool.config),
        "EbsOptimized": pool.config.get("EbsConfiguration", {}).get("EbsOptimized"),
        "ShrinkPolicy": pool.config.get("ShrinkPolicy", {}),
        "AutoScalingPolicy": pool.scaling_policy,
        "CustomAmiId": pool.config.get("CustomAmiId"),
    }


def attached_policy(policy: dict[str, Any], cluster_id: str) -> dict[str, Any]:
    """An automatic scaling policy in force: its alarms look at this cluster."""
    return {
        "Status": {"State": "ATTACHED", "StateChangeReason": {"Code": "USER_REQUEST", "Message": ""}},
        "Constraints": policy["Constraints"],
        "Rules": [_rule(rule, cluster_id) for rule in policy["Rules"]],
    }


def _rule(rule: dict[str, Any], cluster_id: str) -> dict[str, Any]:
    alarm = rule["Trigger"]["CloudWatchAlarmDefinition"]
    dimensions = [
        {**each, "Value": str(each.get("Value", "")).replace("${emr.clusterId}", cluster_id)}
        for each in alarm.get("Dimensions", [{"Key": "JobFlowId", "Value": cluster_id}])
    ]
    return {**rule, "Trigger": {"CloudWatchAlarmDefinition": {**alarm, "Dimensions": dimensions}}}
