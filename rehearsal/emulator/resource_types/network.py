"""Resources of a network: addresses, NAT gateways, flow logs, access lists, and rules of security groups."""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import uuid4

from ministack.services import ec2

from rehearsal.emulator.api import call, client, remove, renamed
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


def _tag(resource_id: str, properties: Properties) -> None:
    if tags := properties.get("Tags"):
        client("ec2").create_tags(Resources=[resource_id], Tags=tags)


class ElasticIp(ResourceType):
    """An address of the account's own; `Ref` answers the address."""

    name = "AWS::EC2::EIP"

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        made = client("ec2").allocate_address(Domain=properties.get("Domain", "vpc"))
        _tag(made["AllocationId"], properties)
        return made["PublicIp"], {"AllocationId": made["AllocationId"], "PublicIp": made["PublicIp"]}

    def delete(self, physical_id: str, properties: Properties) -> None:
        # Filters by address are not known to every emulator; an account has a handful.
        for entry in client("ec2").describe_addresses()["Addresses"]:
            if entry["PublicIp"] == physical_id:
                client("ec2").release_address(AllocationId=entry["AllocationId"])


class Ec2Resource(ResourceType):
    """A resource that has one operation to make it and one to delete it, and is available at once."""

    attribute = "Id"  # the one that answers its id
    id_member: str  # what the API calls its id

    def make(self, properties: Properties) -> str:
        """Make it, without tags, and return its id."""
        kind = self.name.rpartition("::")[2]
        return str(call("ec2", f"Create{kind}", **properties)[kind][self.id_member])

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        made = self.make({name: value for name, value in properties.items() if name != "Tags"})
        _tag(made, properties)
        return made, {self.attribute: made}

    def delete(self, physical_id: str, properties: Properties) -> None:
        remove("ec2", f"Delete{self.name.rpartition('::')[2]}", **{self.id_member: physical_id})


class NatGateway(Ec2Resource):
    """A gateway in a public subnet, by which private subnets reach the internet."""

    name = "AWS::EC2::NatGateway"
    attribute = id_member = "NatGatewayId"


class NetworkAcl(Ec2Resource):
    """An access list, empty."""

    name = "AWS::EC2::NetworkAcl"
    id_member = "NetworkAclId"


class FlowLog(Ec2Resource):
    """A record of a network's connections: it is kept as asked for, without any packets."""

    name = "AWS::EC2::FlowLog"

    def make(self, properties: Properties) -> str:
        """Make it for one resource, where the API takes several."""
        values = {name: value for name, value in properties.items() if name != "ResourceId"}
        made = call("ec2", "CreateFlowLogs", **values, ResourceIds=[properties["ResourceId"]])
        return str(made["FlowLogIds"][0])

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("ec2").delete_flow_logs(FlowLogIds=[physical_id])


class NetworkAclEntry(ResourceType):
    """One rule of an access list; its number and direction say which."""

    name = "AWS::EC2::NetworkAclEntry"

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Add it; the physical id is the logical one with the list's, as no API gives one."""
        entry = renamed(dict(properties), {"Icmp": "IcmpTypeCode"})
        call("ec2", "CreateNetworkAclEntry", **{"Egress": False, **entry})
        physical_id = f"{properties['NetworkAclId']}-{logical_id}"
        return physical_id, {"Id": physical_id}

    def delete(self, physical_id: str, properties: Properties) -> None:
        key = {name: properties[name] for name in ("NetworkAclId", "RuleNumber")}
        remove("ec2", "DeleteNetworkAclEntry", Egress=properties.get("Egress", False), **key)


class SubnetNetworkAclAssociation(ResourceType):
    """The access list that a subnet goes by, instead of the network's default one.

    It is kept in MiniStack itself, whose API knows no association of a subnet with the default list.
    """

    name = "AWS::EC2::SubnetNetworkAclAssociation"

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
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


class SecurityGroupRule(ResourceType):
    """A rule of a security group in one direction; `Ref` answers the rule's id."""

    def __init__(self, direction: Literal["Ingress", "Egress"]) -> None:
        self.name = f"AWS::EC2::SecurityGroup{direction}"
        self._direction = direction

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        names = ("IpProtocol", "FromPort", "ToPort")
        permission: dict[str, Any] = {name: properties[name] for name in names if name in properties}
        peer = next((name for name in PEERS if name in properties), None)
        if peer is None:
            raise ValueError(f"a rule needs one of {', '.join(PEERS)}")
        place, member = PEERS[peer]
        described = {"Description": properties["Description"]} if properties.get("Description") else {}
        permission[place] = [{member: properties[peer], **described}]
        operation = f"AuthorizeSecurityGroup{self._direction}"
        answer = call("ec2", operation, GroupId=properties["GroupId"], IpPermissions=[permission])
        rule: str = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        return rule, {"Id": rule}

    def delete(self, physical_id: str, properties: Properties) -> None:
        rule = {"GroupId": properties["GroupId"], "SecurityGroupRuleIds": [physical_id]}
        remove("ec2", f"RevokeSecurityGroup{self._direction}", **rule)
