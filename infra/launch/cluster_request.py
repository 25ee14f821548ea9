"""The request of RunJobFlow that makes the same cluster as the resource AWS::EMR::Cluster of the stack.

Both have the same names but for those below:
https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-emr-cluster.html
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

# The template's names for what the API calls Properties in configurations and steps.
NAMES = {"ConfigurationProperties": "Properties", "StepProperties": "Properties"}
# Property of `Instances` to the type of the fleets that it holds.
FLEETS = {"MasterInstanceFleet": "MASTER", "CoreInstanceFleet": "CORE", "TaskInstanceFleets": "TASK"}
# What stands for a value in a text until CloudFormation knows it.
TOKEN = re.compile(r"\$\{Token\[[^]]+]}")


def job_flow_request(properties: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the request of RunJobFlow for a cluster with these properties that ends after its last step.

    CDK gives the tags to the resource later: they are no property of it yet.
    """
    request = _renamed(properties)
    # It would speak of idle clusters, and this one is never idle.
    request.pop("AutoTerminationPolicy", None)
    instances = request["Instances"]
    fleets = []
    for name, kind in FLEETS.items():
        given = instances.pop(name, [])
        one_kind = given if isinstance(given, list) else [given]
        fleets += [{**fleet, "InstanceFleetType": kind} for fleet in one_kind]
    instances.update(InstanceFleets=fleets, KeepJobFlowAliveWhenNoSteps=False)
    return {**request, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def with_step(request: Mapping[str, Any], name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the request with another name, of cluster and step, and other arguments of its one step."""
    (step,) = request["Steps"]
    changed = {**step, "Name": name, "HadoopJarStep": {**step["HadoopJarStep"], "Args": list(arguments)}}
    return {**request, "Name": name, "Steps": [changed]}


def with_variables(text: str) -> tuple[str, dict[str, str]]:
    """Return a text with `${VALUE_0}`, … in the place of CDK's tokens, and the tokens by these names.

    The numbers of tokens differ between two synths of the same; these do not.
    """
    tokens = list(dict.fromkeys(TOKEN.findall(text)))
    names = {token: f"VALUE_{number}" for number, token in enumerate(tokens)}
    return TOKEN.sub(lambda found: f"${{{names[found[0]]}}}", text), {names[token]: token for token in tokens}


def _renamed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {NAMES.get(name, name): _renamed(part) for name, part in value.items()}
    return [_renamed(part) for part in value] if isinstance(value, list) else value
