"""AWS::EMR::Cluster's properties as RunJobFlow takes them."""

import json
from typing import Any

from rehearsal.emulator.resource_types.api_values import request_values
from rehearsal.emulator.resource_types.resource_type import Properties

# Property of `Instances` to the list of the API it goes to, and the member that says which part it is.
PARTS = {
    "MasterInstanceFleet": ("InstanceFleets", "InstanceFleetType", "MASTER"),
    "CoreInstanceFleet": ("InstanceFleets", "InstanceFleetType", "CORE"),
    "TaskInstanceFleets": ("InstanceFleets", "InstanceFleetType", "TASK"),
    "MasterInstanceGroup": ("InstanceGroups", "InstanceRole", "MASTER"),
    "CoreInstanceGroup": ("InstanceGroups", "InstanceRole", "CORE"),
    "TaskInstanceGroups": ("InstanceGroups", "InstanceRole", "TASK"),
}


def run_job_flow(properties: Properties) -> dict[str, Any]:
    """RunJobFlow's request.

    Raises:
        ValueError: a property is not of its type, or not known to the API.
    """
    values = {**properties, "Instances": instances(properties["Instances"])}
    if "AdditionalInfo" in values:
        values["AdditionalInfo"] = json.dumps(values["AdditionalInfo"])
    renamed: dict[str, Any] = _renamed(values)
    return request_values("emr", "RunJobFlow", renamed)


def instances(given: Properties) -> dict[str, Any]:
    """`Instances` as the API takes it; CloudFormation's default is a cluster that outlives its steps."""
    made: dict[str, Any] = {"KeepJobFlowAliveWhenNoSteps": True}
    for name, value in given.items():
        if name not in PARTS:
            made[name] = value
            continue
        place, member, kind = PARTS[name]
        parts = value if isinstance(value, list) else [value]
        made.setdefault(place, []).extend({**part, member: kind} for part in parts)
    return made


def _renamed(value: Any) -> Any:
    # The template's names for what the API calls Properties in configurations and steps.
    if isinstance(value, list):
        return [_renamed(part) for part in value]
    if not isinstance(value, dict):
        return value
    names = {"ConfigurationProperties": "Properties", "StepProperties": "Properties"}
    return {names.get(name, name): _renamed(part) for name, part in value.items()}
