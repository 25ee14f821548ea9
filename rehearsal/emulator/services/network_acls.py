"""What MiniStack's network access lists leave out: ports of a rule, and which subnet goes by which list."""

from typing import Any
from uuid import uuid4

from ministack.services import ec2

PORTS = ("From", "To")


def install() -> None:
    """Mend MiniStack's EC2 in place."""
    ec2._network_acl_entry_xml = _with_ports(ec2._network_acl_entry_xml)
    for name in ("CreateNetworkAclEntry", "ReplaceNetworkAclEntry"):
        ec2._ACTION_MAP[name] = _keeping_ports(ec2._ACTION_MAP[name])
    ec2._ACTION_MAP["DescribeNetworkAcls"] = _with_default_associations(
        ec2._ACTION_MAP["DescribeNetworkAcls"]
    )
    ec2._ACTION_MAP["ReplaceNetworkAclAssociation"] = _replace_association


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
    """Every subnet goes by some list: by its network's default one until another is associated."""

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
                made = _associate(ec2._network_acls[acl_id], entry["SubnetId"])
                answer = f"<newAssociationId>{made}</newAssociationId>"
                return ec2._xml(200, "ReplaceNetworkAclAssociationResponse", answer)
    message = f"The association ID '{association}' does not exist"
    return ec2._error("InvalidAssociationID.NotFound", message, 400)


def _associate(acl: dict[str, Any], subnet: str) -> str:
    made = f"aclassoc-{uuid4().hex[:17]}"
    acl["Associations"].append({"NetworkAclAssociationId": made, "SubnetId": subnet})
    return made
