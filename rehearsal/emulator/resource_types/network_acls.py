"""Access lists of a network: AWS::EC2::NetworkAcl, …NetworkAclEntry, …SubnetNetworkAclAssociation."""

from typing import Any

from rehearsal.emulator.api import client, gone_is_fine
from rehearsal.emulator.resource_types.api_values import request_values
from rehearsal.emulator.resource_types.ec2_tags import replace_tags, tag_specifications
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType


class NetworkAcl(ResourceType):
    """The list, empty."""

    name = "AWS::EC2::NetworkAcl"
    create_only = ("VpcId",)

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Make it."""
        made = client("ec2").create_network_acl(
            VpcId=properties["VpcId"], TagSpecifications=tag_specifications("network-acl", properties)
        )
        found: str = made["NetworkAcl"]["NetworkAclId"]
        return found, {"Id": found}

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Its tags."""
        replace_tags(physical_id, old, new)
        return {"Id": physical_id}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Take it away."""
        with gone_is_fine():
            client("ec2").delete_network_acl(NetworkAclId=physical_id)


class NetworkAclEntry(ResourceType):
    """One rule of a list; its number and direction say which."""

    name = "AWS::EC2::NetworkAclEntry"
    create_only = ("NetworkAclId", "RuleNumber", "Egress")

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Add it; the physical id is the logical one with the list's, as no API gives one."""
        client("ec2").create_network_acl_entry(**_entry("CreateNetworkAclEntry", properties))
        physical_id = f"{properties['NetworkAclId']}-{logical_id}"
        return physical_id, {"Id": physical_id}

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Replace what it says."""
        client("ec2").replace_network_acl_entry(**_entry("ReplaceNetworkAclEntry", new))
        return {"Id": physical_id}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Take it out."""
        key = {name: properties[name] for name in ("NetworkAclId", "RuleNumber")}
        values = request_values(
            "ec2", "DeleteNetworkAclEntry", {**key, "Egress": properties.get("Egress", False)}
        )
        with gone_is_fine():
            client("ec2").delete_network_acl_entry(**values)


class SubnetNetworkAclAssociation(ResourceType):
    """Which list a subnet goes by: its own, instead of the network's default."""

    name = "AWS::EC2::SubnetNetworkAclAssociation"
    create_only = ("SubnetId", "NetworkAclId")

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Move the subnet's association to the list."""
        found = _associate(properties["SubnetId"], properties["NetworkAclId"])
        return found, {"AssociationId": found}

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Nothing of it changes in place."""
        return {"AssociationId": physical_id}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Give the subnet back to the network's default list, unless it has gone to another."""
        acl = client("ec2").describe_network_acls(NetworkAclIds=[properties["NetworkAclId"]])["NetworkAcls"]
        if any(physical_id in _association_ids(found) for found in acl):
            lists = _lists_of(acl[0]["VpcId"])
            default = next(found["NetworkAclId"] for found in lists if found["IsDefault"])
            _associate(properties["SubnetId"], default)


def _associate(subnet: str, acl: str) -> str:
    vpc = client("ec2").describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
    associations = [entry for found in _lists_of(vpc) for entry in found["Associations"]]
    current = next(entry for entry in associations if entry["SubnetId"] == subnet)
    made: str = client("ec2").replace_network_acl_association(
        AssociationId=current["NetworkAclAssociationId"], NetworkAclId=acl
    )["NewAssociationId"]
    return made


def _lists_of(vpc: str) -> list[dict[str, Any]]:
    filters = [{"Name": "vpc-id", "Values": [vpc]}]
    found: list[dict[str, Any]] = client("ec2").describe_network_acls(Filters=filters)["NetworkAcls"]
    return found


def _association_ids(acl: dict[str, Any]) -> set[str]:
    return {entry["NetworkAclAssociationId"] for entry in acl["Associations"]}


def _entry(operation: str, properties: Properties) -> dict[str, Any]:
    renamed = {"Icmp": "IcmpTypeCode"}
    values = {renamed.get(name, name): value for name, value in properties.items()}
    return request_values("ec2", operation, {"Egress": False, **values})
