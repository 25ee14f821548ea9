"""Rules of a network, each a resource of its own: of access lists and of security groups."""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import uuid4

from ministack.services import ec2

from rehearsal.emulator.api import call, client, unless_gone
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType

# Template's property to the list of the API's IpPermission that it belongs to, and its name there.
PEERS: Mapping[str, tuple[str, str]] = {
    "CidrIp": ("IpRanges", "CidrIp"),
    "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
    "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"),
}


class SecurityGroupRule(ResourceType):
    """A rule of a security group in one direction; `Ref` answers the rule's id."""

    create_only = (
        *("GroupId", "GroupName", "IpProtocol", "FromPort", "ToPort"),
        *PEERS,
        *("SourceSecurityGroupName", "SourceSecurityGroupOwnerId"),
    )

    def __init__(self, direction: Literal["Ingress", "Egress"]) -> None:
        self.name = f"AWS::EC2::SecurityGroup{direction}"
        self._direction = direction

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Authorize it."""
        answer = call(
            "ec2",
            f"AuthorizeSecurityGroup{self._direction}",
            GroupId=properties["GroupId"],
            IpPermissions=[_permission(properties)],
        )
        rule: str = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        return rule, {"Id": rule}

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Change the description, the one property that changes in place."""
        described = {"Description": new.get("Description", "")}
        client("ec2").modify_security_group_rules(
            GroupId=new["GroupId"],
            SecurityGroupRules=[{"SecurityGroupRuleId": physical_id, "SecurityGroupRule": described}],
        )
        return {"Id": physical_id}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Revoke it."""
        group, rules = properties["GroupId"], [physical_id]
        with unless_gone():
            call(
                "ec2",
                f"RevokeSecurityGroup{self._direction}",
                GroupId=group,
                SecurityGroupRuleIds=rules,
            )


def _permission(properties: Properties) -> dict[str, Any]:
    """Return the rule as the API's IpPermission. Raises ValueError: it names no peer."""
    names = [name for name in ("IpProtocol", "FromPort", "ToPort") if name in properties]
    permission: dict[str, Any] = {name: properties[name] for name in names}
    described = {"Description": properties["Description"]} if properties.get("Description") else {}
    for name, (place, member) in PEERS.items():
        if name in properties:
            permission[place] = [{member: properties[name], **described}]
            return permission
    raise ValueError(f"a rule needs one of {', '.join(PEERS)}")


class NetworkAclEntry(ResourceType):
    """One rule of an access list; its number and direction say which."""

    name = "AWS::EC2::NetworkAclEntry"
    create_only = ("NetworkAclId", "RuleNumber", "Egress")

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Add it; the physical id is the logical one with the list's, as no API gives one."""
        call("ec2", "CreateNetworkAclEntry", **_entry(properties))
        physical_id = f"{properties['NetworkAclId']}-{logical_id}"
        return physical_id, {"Id": physical_id}

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Replace what it says."""
        call("ec2", "ReplaceNetworkAclEntry", **_entry(new))
        return {"Id": physical_id}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Take it out of its list."""
        key = {name: value for name, value in _entry(properties).items() if name in self.create_only}
        with unless_gone():
            call("ec2", "DeleteNetworkAclEntry", **key)


def _entry(properties: Properties) -> dict[str, Any]:
    names = {"Icmp": "IcmpTypeCode"}
    return {"Egress": False, **{names.get(name, name): value for name, value in properties.items()}}


class SubnetNetworkAclAssociation(ResourceType):
    """The access list that a subnet goes by, instead of the network's default one.

    It is kept in MiniStack itself, whose API knows no association of a subnet with the default list.
    """

    name = "AWS::EC2::SubnetNetworkAclAssociation"
    create_only = ("SubnetId", "NetworkAclId")

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Associate the subnet with the list."""
        association = f"aclassoc-{uuid4().hex[:17]}"
        ec2._network_acls[properties["NetworkAclId"]]["Associations"].append(
            {"NetworkAclAssociationId": association, "SubnetId": properties["SubnetId"]}
        )
        return association, {"AssociationId": association}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Give the subnet back to the network's default list."""
        if acl := ec2._network_acls.get(properties["NetworkAclId"]):
            others = [one for one in acl["Associations"] if one["NetworkAclAssociationId"] != physical_id]
            acl["Associations"] = others
