"""What of an AWS::EMR::Cluster changes in place, and the calls that change it."""

from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.emulator.api import client
from rehearsal.emulator.resource_types.api_values import request_values
from rehearsal.emulator.resource_types.emr_request import PARTS, instances
from rehearsal.emulator.resource_types.resource_type import Properties

# Of `Instances` itself, and of each fleet or group.
SWITCHES = ("TerminationProtected", "UnhealthyNodeReplacement")
SIZES = ("TargetOnDemandCapacity", "TargetSpotCapacity", "InstanceCount")


def in_place(old: Properties, new: Properties) -> bool:
    """Whether two versions of `Instances` differ only in what a running cluster can change."""
    return _fixed(old) == _fixed(new)


def apply_changes(cluster: str, old: Properties, new: Properties) -> None:
    """Bring a running cluster up to date, property by property."""
    for name, change in CHANGES.items():
        if old.get(name) != new.get(name):
            change(cluster, old.get(name), new.get(name))


def _fixed(given: Properties) -> dict[str, Any]:
    kept = {name: value for name, value in given.items() if name not in SWITCHES}
    for name in PARTS.keys() & kept.keys():
        parts = kept[name] if isinstance(kept[name], list) else [kept[name]]
        kept[name] = [{key: part[key] for key in part if key not in SIZES} for part in parts]
    return kept


def _call(operation: str, method: str, values: dict[str, Any]) -> Any:
    return getattr(client("emr"), method)(**request_values("emr", operation, values))


def _managed_scaling(cluster: str, _old: Any, new: Any) -> None:
    if new is None:
        client("emr").remove_managed_scaling_policy(ClusterId=cluster)
        return
    values = {"ClusterId": cluster, "ManagedScalingPolicy": new}
    _call("PutManagedScalingPolicy", "put_managed_scaling_policy", values)


def _auto_termination(cluster: str, _old: Any, new: Any) -> None:
    if new is None:
        client("emr").remove_auto_termination_policy(ClusterId=cluster)
        return
    values = {"ClusterId": cluster, "AutoTerminationPolicy": new}
    _call("PutAutoTerminationPolicy", "put_auto_termination_policy", values)


def _concurrency(cluster: str, _old: Any, new: Any) -> None:
    _call("ModifyCluster", "modify_cluster", {"ClusterId": cluster, "StepConcurrencyLevel": new or 1})


def _visibility(cluster: str, _old: Any, new: Any) -> None:
    values = {"JobFlowIds": [cluster], "VisibleToAllUsers": False if new is None else new}
    _call("SetVisibleToAllUsers", "set_visible_to_all_users", values)


def _tags(cluster: str, old: Any, new: Any) -> None:
    if dropped := {tag["Key"] for tag in old or []} - {tag["Key"] for tag in new or []}:
        client("emr").remove_tags(ResourceId=cluster, TagKeys=sorted(dropped))
    if new:
        _call("AddTags", "add_tags", {"ResourceId": cluster, "Tags": new})


def _instances(cluster: str, old: Any, new: Any) -> None:
    flows = {"JobFlowIds": [cluster]}
    if old.get("TerminationProtected") != new.get("TerminationProtected"):
        values = {**flows, "TerminationProtected": new.get("TerminationProtected", False)}
        _call("SetTerminationProtection", "set_termination_protection", values)
    if old.get("UnhealthyNodeReplacement") != new.get("UnhealthyNodeReplacement"):
        values = {**flows, "UnhealthyNodeReplacement": new.get("UnhealthyNodeReplacement", False)}
        _call("SetUnhealthyNodeReplacement", "set_unhealthy_node_replacement", values)
    before, after = instances(old), instances(new)
    if before.get("InstanceFleets") != after.get("InstanceFleets"):
        _resize_fleets(cluster, before["InstanceFleets"], after["InstanceFleets"])
    if before.get("InstanceGroups") != after.get("InstanceGroups"):
        _resize_groups(cluster, before["InstanceGroups"], after["InstanceGroups"])


def _resize_fleets(cluster: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    fleets = client("emr").list_instance_fleets(ClusterId=cluster)["InstanceFleets"]
    for before, after in zip(old, new, strict=True):
        if before != after:
            found = _same_part(fleets, after, "InstanceFleetType")
            sizes = {name: after[name] for name in SIZES if name in after}
            values = {"ClusterId": cluster, "InstanceFleet": {"InstanceFleetId": found["Id"], **sizes}}
            _call("ModifyInstanceFleet", "modify_instance_fleet", values)


def _resize_groups(cluster: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    groups = client("emr").list_instance_groups(ClusterId=cluster)["InstanceGroups"]
    for before, after in zip(old, new, strict=True):
        if before != after:
            found = _same_part(
                groups, {**after, "InstanceGroupType": after["InstanceRole"]}, "InstanceGroupType"
            )
            group = {"InstanceGroupId": found["Id"], "InstanceCount": after["InstanceCount"]}
            _call(
                "ModifyInstanceGroups",
                "modify_instance_groups",
                {"ClusterId": cluster, "InstanceGroups": [group]},
            )


def _same_part(parts: list[dict[str, Any]], wanted: dict[str, Any], kind: str) -> dict[str, Any]:
    same = [part for part in parts if part[kind] == wanted[kind]]
    named = [part for part in same if part.get("Name") == wanted.get("Name")]
    return (named or same)[0]


CHANGES: Mapping[str, Callable[[str, Any, Any], None]] = {
    "ManagedScalingPolicy": _managed_scaling,
    "AutoTerminationPolicy": _auto_termination,
    "StepConcurrencyLevel": _concurrency,
    "VisibleToAllUsers": _visibility,
    "Tags": _tags,
    "Instances": _instances,
}
