"""What MiniStack's EC2 leaves out: offered types, dry runs, ports and associations of access lists."""

from typing import Any
from uuid import uuid4

from ministack.core.responses import get_region
from ministack.services import ec2

from infra.config.instances import instance_types

# MiniStack's DescribeAvailabilityZones answers these three.
ZONES = ("a", "b", "c")
PORTS = ("From", "To")


def install() -> None:
    """Complete MiniStack's EC2 in place."""
    actions = ec2._ACTION_MAP
    actions["DescribeInstanceTypeOfferings"] = _describe_offerings
    actions["RunInstances"] = _heeding_dry_run(actions["RunInstances"])
    for name in ("CreateNetworkAclEntry", "ReplaceNetworkAclEntry"):
        actions[name] = _keeping_ports(actions[name])
    actions["DescribeNetworkAcls"] = _with_default_associations(actions["DescribeNetworkAcls"])
    actions["ReplaceNetworkAclAssociation"] = _replace_association
    ec2._network_acl_entry_xml = _with_ports(ec2._network_acl_entry_xml)


def _describe_offerings(parameters: dict[str, Any]) -> Any:
    region = get_region()
    wanted = ec2._parse_filters(parameters)
    kind = ec2._p(parameters, "LocationType") or "region"
    places = {"region": [region], "availability-zone": [f"{region}{zone}" for zone in ZONES]}
    if kind not in places:
        return ec2._error("InvalidParameterValue", f"the rehearsal knows no location type {kind}", 400)
    offered = [
        (name, place)
        for name, instance in sorted(instance_types().items())
        for place in places[kind]
        if region in instance.regions
        and name in wanted.get("instance-type", [name])
        and place in wanted.get("location", [place])
    ]
    items = "".join(
        f"<item><instanceType>{name}</instanceType><locationType>{kind}</locationType>"
        f"<location>{place}</location></item>"
        for name, place in offered
    )
    answer = f"<instanceTypeOfferingSet>{items}</instanceTypeOfferingSet>"
    return ec2._xml(200, "DescribeInstanceTypeOfferingsResponse", answer)


def _heeding_dry_run(action: Any) -> Any:
    def run(parameters: dict[str, Any]) -> Any:
        if ec2._p(parameters, "DryRun") == "true":
            message = "Request would have succeeded, but DryRun flag is set."
            return ec2._error("DryRunOperation", message, 412)
        return action(parameters)

    return run


def _keeping_ports(action: Any) -> Any:
    def keep(parameters: dict[str, Any]) -> Any:
        response = action(parameters)
        ports = {port: ec2._p(parameters, f"PortRange.{port}") for port in PORTS}
        if response[0] == 200 and all(ports.values()):
            ec2._network_acls[ec2._p(parameters, "NetworkAclId")]["Entries"][-1]["PortRange"] = ports
        return response

    return keep


def _with_ports(entry_xml: Any) -> Any:
    def xml(entry: dict[str, Any]) -> str:
        text: str = entry_xml(entry)
        if "PortRange" not in entry:
            return text
        ports = "".join(f"<{port.lower()}>{entry['PortRange'][port]}</{port.lower()}>" for port in PORTS)
        return text.replace("</item>", f"<portRange>{ports}</portRange></item>")

    return xml


def _with_default_associations(action: Any) -> Any:
    """Associate every subnet with its network's default list until another one is associated."""

    def describe(parameters: dict[str, Any]) -> Any:
        associated = {
            entry["SubnetId"] for acl in ec2._network_acls.values() for entry in acl["Associations"]
        }
        defaults = {acl["VpcId"]: acl for acl in ec2._network_acls.values() if acl["IsDefault"]}
        for subnet in ec2._subnets.values():
            if subnet["SubnetId"] not in associated and subnet["VpcId"] in defaults:
                _associate(defaults[subnet["VpcId"]], subnet["SubnetId"])
        return action(parameters)

    return describe


def _replace_association(parameters: dict[str, Any]) -> Any:
    association, acl_id = ec2._p(parameters, "AssociationId"), ec2._p(parameters, "NetworkAclId")
    if acl_id not in ec2._network_acls:
        return ec2._error("InvalidNetworkAclID.NotFound", f"The network ACL '{acl_id}' does not exist", 400)
    for acl in ec2._network_acls.values():
        for entry in acl["Associations"]:
            if entry["NetworkAclAssociationId"] == association:
                acl["Associations"].remove(entry)
                new = _associate(ec2._network_acls[acl_id], entry["SubnetId"])
                answer = f"<newAssociationId>{new}</newAssociationId>"
                return ec2._xml(200, "ReplaceNetworkAclAssociationResponse", answer)
    message = f"The association ID '{association}' does not exist"
    return ec2._error("InvalidAssociationID.NotFound", message, 400)


def _associate(acl: dict[str, Any], subnet: str) -> str:
    association = f"aclassoc-{uuid4().hex[:17]}"
    acl["Associations"].append({"NetworkAclAssociationId": association, "SubnetId": subnet})
    return association
