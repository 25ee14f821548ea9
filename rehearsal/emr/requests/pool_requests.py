"""Fleets and groups as RunJobFlow asks for them."""

from typing import Any

from rehearsal.emr.errors import validation
from rehearsal.emr.requests.fleets import fleet
from rehearsal.emr.requests.groups import group
from rehearsal.emr.state.pool import Pool


def pools_of(asked: dict[str, Any]) -> list[Pool]:
    """The fleets or groups that `Instances` of RunJobFlow asks for, in any of its three forms.

    Raises:
        EmrError: forms are mixed, or their roles make no cluster.
    """
    fleets, groups = asked.get("InstanceFleets"), asked.get("InstanceGroups")
    counted = [name for name in ("MasterInstanceType", "SlaveInstanceType", "InstanceCount") if name in asked]
    if (fleets and (groups or counted)) or (groups and counted):
        raise validation(
            "Only one of InstanceFleets, InstanceGroups, and MasterInstanceType with SlaveInstanceType and "
            "InstanceCount may be specified."
        )
    if asked.get("Ec2SubnetId") and asked.get("Ec2SubnetIds"):
        raise validation("Only one of Ec2SubnetId and Ec2SubnetIds may be specified.")
    if groups and len(asked.get("Ec2SubnetIds", [])) > 1:
        raise validation("More than one subnet may be specified for instance fleets only.")
    pools = [fleet(each) for each in fleets] if fleets else [group(each) for each in groups or _simple(asked)]
    check_roles_of(pools)
    return pools


def check_roles_of(pools: list[Pool]) -> None:
    """One primary, at most one core; of fleets, at most one task.

    Raises:
        EmrError: otherwise.
    """
    roles = [pool.role for pool in pools]
    if roles.count("MASTER") != 1:
        raise validation(f"Exactly one master instance {pools[0].kind} must be specified.")
    if roles.count("CORE") > 1:
        raise validation(f"Only one core instance {pools[0].kind} may be specified.")
    if pools[0].kind == "fleet" and roles.count("TASK") > 1:
        raise validation("Only one task instance fleet may be specified.")
    if "TASK" in roles and "CORE" not in roles:
        raise validation(f"A task instance {pools[0].kind} needs a core instance {pools[0].kind}.")


def _simple(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Groups of the shortest form: two types and a count."""
    primary, count = asked.get("MasterInstanceType"), asked.get("InstanceCount", 1)
    if not primary or count < 1:
        raise validation(
            "Instances must name InstanceFleets, InstanceGroups, or a MasterInstanceType and count."
        )
    groups = [{"Name": "master", "InstanceRole": "MASTER", "InstanceType": primary, "InstanceCount": 1}]
    if count > 1:
        core = asked.get("SlaveInstanceType", primary)
        groups.append(
            {"Name": "slave", "InstanceRole": "CORE", "InstanceType": core, "InstanceCount": count - 1}
        )
    return groups
