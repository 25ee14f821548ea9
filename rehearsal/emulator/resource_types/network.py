"""Resources of a network: addresses, NAT gateways, flow logs and access lists."""

from typing import Any

from rehearsal.emulator.api import call, client, unless_gone
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType, dropped_tags


def replace_tags(resource_id: str, old: Properties, new: Properties) -> None:
    """Bring the template's tags of a resource up to date; tags that others added stay."""
    after = new.get("Tags", [])
    if dropped := dropped_tags(old.get("Tags", []), after):
        client("ec2").delete_tags(Resources=[resource_id], Tags=[{"Key": key} for key in dropped])
    if after:
        client("ec2").create_tags(Resources=[resource_id], Tags=after)


class ElasticIp(ResourceType):
    """An address of the account's own; `Ref` answers the address."""

    name = "AWS::EC2::EIP"
    create_only = ("NetworkBorderGroup", "TransferAddress", "IpamPoolId", "Address")

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Allocate it."""
        address: str = client("ec2").allocate_address(Domain=properties.get("Domain", "vpc"))["PublicIp"]
        return address, self.update(address, {}, properties)

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Replace its tags."""
        allocation = _allocation(physical_id)
        replace_tags(allocation, old, new)
        return {"AllocationId": allocation, "PublicIp": physical_id}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Release it."""
        with unless_gone():
            client("ec2").release_address(AllocationId=_allocation(physical_id))


def _allocation(public_ip: str) -> str:
    # Filters by address are not known to every emulator; an account has a handful.
    addresses = client("ec2").describe_addresses()["Addresses"]
    return next(str(entry["AllocationId"]) for entry in addresses if entry["PublicIp"] == public_ip)


class TaggedResource(ResourceType):
    """A resource of EC2 that has one operation to make it and one to delete it; its tags change in place.

    Attributes:
        attribute: The one that answers its id.
        id_member: What the API calls its id.
    """

    attribute = "Id"
    id_member: str

    def make(self, properties: Properties) -> str:
        """Make it, without tags, and return its id."""
        kind = self.name.rpartition("::")[2]
        return str(call("ec2", f"Create{kind}", **properties)[kind][self.id_member])

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Make it; it is available at once."""
        made = self.make({name: value for name, value in properties.items() if name != "Tags"})
        return made, self.update(made, {}, properties)

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Replace its tags."""
        replace_tags(physical_id, old, new)
        return {self.attribute: physical_id}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it."""
        with unless_gone():
            call("ec2", f"Delete{self.name.rpartition('::')[2]}", **{self.id_member: physical_id})


class NatGateway(TaggedResource):
    """A gateway in a public subnet, by which private subnets reach the internet."""

    name = "AWS::EC2::NatGateway"
    attribute = id_member = "NatGatewayId"
    create_only = (
        *("AllocationId", "AvailabilityMode", "ConnectivityType", "PrivateIpAddress", "SubnetId", "VpcId"),
    )


class NetworkAcl(TaggedResource):
    """An access list, empty."""

    name = "AWS::EC2::NetworkAcl"
    id_member = "NetworkAclId"
    create_only = ("VpcId",)


class FlowLog(TaggedResource):
    """A record of a network's connections: it is kept as asked for, without any packets."""

    name = "AWS::EC2::FlowLog"
    create_only = (
        *("DeliverCrossAccountRole", "DeliverLogsPermissionArn", "DestinationOptions", "LogDestination"),
        *("LogDestinationType", "LogFormat", "LogGroupName", "MaxAggregationInterval", "ResourceId"),
        *("ResourceType", "TagFieldSpecifications", "TrafficType"),
    )

    def make(self, properties: Properties) -> str:
        """Make it for one resource, where the API takes several."""
        values = {name: value for name, value in properties.items() if name != "ResourceId"}
        made = call("ec2", "CreateFlowLogs", **values, ResourceIds=[properties["ResourceId"]])
        return str(made["FlowLogIds"][0])

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it."""
        client("ec2").delete_flow_logs(FlowLogIds=[physical_id])
