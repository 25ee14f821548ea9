"""AWS::EMR::Cluster: a cluster with instance fleets, its steps within it, and the wait until it runs."""

import time
from typing import Any

from botocore.exceptions import ClientError

from infra.launch.cluster_request import FLEETS, NAMES
from rehearsal.emr.conditions import Conditions
from rehearsal.emr.parts import ENDED
from rehearsal.emulator.api import call, client, renamed
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType

POLL_SECONDS = 0.25
FORGOTTEN = ""
# What alone a stack here may change of a cluster that runs.
POLICIES = ("ManagedScalingPolicy", "AutoTerminationPolicy")
# Lists whose items must differ, by CloudFormation's schema of the type.
UNIQUE = {
    *("AdditionalMasterSecurityGroups", "AdditionalSlaveSecurityGroups", "Applications", "Args"),
    *("BootstrapActions", "Configurations", "Dimensions", "EbsBlockDeviceConfigs", "Ec2SubnetIds"),
    *("InstanceTypeConfigs", "PlacementGroupConfigs", "Rules", "StepProperties", "Steps"),
    *("TaskInstanceFleets", "TaskInstanceGroups"),
}


class ClusterFailedError(Exception):
    """The cluster did not come up; the message is EMR's reason, or CloudFormation's."""


class EmrCluster(ResourceType):
    """`Ref` answers its id."""

    name = "AWS::EMR::Cluster"
    half_changed = True

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Run it and wait until it runs or waits, or has done its steps and ended.

        Raises ClusterFailedError: its properties are not valid, or it ended with errors.
        """
        if repeated := _repeated(properties, "#"):
            lines = "\n".join(f"{place}: array items are not unique" for place in repeated)
            raise ClusterFailedError(
                f"Properties validation failed for resource {logical_id} with message:\n{lines}"
            )
        request = {**renamed(dict(properties), NAMES), "Instances": _instances(properties["Instances"])}
        cluster: str = call("emr", "RunJobFlow", **request)["JobFlowId"]
        described = _wait(cluster, "RUNNING", "WAITING", *ENDED)
        if described["Status"]["State"] == "TERMINATED_WITH_ERRORS":
            reason = described["Status"].get("StateChangeReason", {})
            raise ClusterFailedError(f"{cluster}: {reason.get('Code')}: {reason.get('Message')}")
        return cluster, _attributes(described)

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Change policies; a rollback does the same with the properties of before.

        Raises ClientError: EMR refuses it, as for a cluster that has ended. ValueError: it is not emulated.
        """
        for name in sorted({*old, *new}):
            if old.get(name) == new.get(name):
                continue
            if name not in POLICIES:
                raise ValueError(f"a change of {name} of a cluster is not part of the rehearsal")
            verb, policy = ("Put", {name: new[name]}) if name in new else ("Remove", {})
            try:
                call("emr", f"{verb}{name}", ClusterId=physical_id, **policy)
            except ClientError:
                if self._conditions.stacks_see_refusals or _state(physical_id) not in (*ENDED, "TERMINATING"):
                    raise
        return _attributes(_describe(physical_id))

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Terminate it and wait for its end; EMR may have forgotten it."""
        if _state(physical_id) in (*ENDED, FORGOTTEN):
            return
        client("emr").terminate_job_flows(JobFlowIds=[physical_id])
        _wait(physical_id, *ENDED)


def _describe(cluster: str) -> dict[str, Any]:
    described: dict[str, Any] = client("emr").describe_cluster(ClusterId=cluster)["Cluster"]
    return described


def _attributes(described: dict[str, Any]) -> dict[str, Any]:
    return {"Id": described["Id"], "MasterPublicDNS": described.get("MasterPublicDnsName", "")}


def _state(cluster: str) -> str:
    try:
        return str(_describe(cluster)["Status"]["State"])
    except client("emr").exceptions.InvalidRequestException:
        return FORGOTTEN


def _wait(cluster: str, *states: str) -> dict[str, Any]:
    while (described := _describe(cluster))["Status"]["State"] not in states:
        time.sleep(POLL_SECONDS)
    return described


def _repeated(value: Any, place: str) -> list[str]:
    """Return the places of lists with an item twice, such as `#/Steps/0/HadoopJarStep/Args`."""
    found = []
    if isinstance(value, list) and place.rpartition("/")[2] in UNIQUE:
        found = [place] if any(item in value[:index] for index, item in enumerate(value)) else []
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        found += _repeated(part, f"{place}/{name}")
    return found


def _instances(instances: Properties) -> dict[str, Any]:
    """Return `Instances` as the API takes it; by CloudFormation's default the cluster outlives its steps."""
    fleets = []
    for name, role in FLEETS.items():
        value = instances.get(name, [])
        configs = value if isinstance(value, list) else [value]
        fleets += [{**renamed(config, NAMES), "InstanceFleetType": role} for config in configs]
    others = {name: value for name, value in instances.items() if name not in FLEETS}
    return {"KeepJobFlowAliveWhenNoSteps": True, **others, "InstanceFleets": fleets}
