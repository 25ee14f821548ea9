"""Resources of a network: addresses, NAT gateways, flow logs and access lists."""

from typing import Any

from rehearsal.emulator.api import call, client, unless_gone
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType, dropped_tags


def tag_specifications(kind: str, properties: Properties) -> list[dict[str, Any]]:
    """Return the tags as a Create call takes them; `kind` such as `network-acl`."""
    tags = properties.get("Tags")
    return [{"ResourceType": kind, "Tags": tags}] if tags else []


def replace_tags(resource_id: str, old: Properties, new: Properties) -> None:
    """Bring the template's tags of a resource up to date; tags that others added stay."""
    after = new.get("Tags", [])
    if dropped := dropped_tags(old.get("Tags", []), after):
        client("ec2").delete_tags(Resources=[resource_id], Tags=[{"Key": key} for key in dropped])
    if after:
        client("ec2").create_tags(Resources=[resource_id], Tags=after)


class TaggedResource(ResourceType):
    """A resource of EC2 of which the tags alone change in place.

    Attributes:
        attribute: The one that answers its id.
    """

    attribute = "Id"

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Replace its tags."""
        replace_tags(physical_id, old, new)
        return {self.attribute: physical_id}


class ElasticIp(ResourceType):
    """An address of the account's own; `Ref` answers the address."""

    name = "AWS::EC2::EIP"
    create_only = ("NetworkBorderGroup", "TransferAddress", "IpamPoolId", "Address")

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Allocate it."""
        address = client("ec2").allocate_address(
            Domain=properties.get("Domain", "vpc"),
            TagSpecifications=tag_specifications("elastic-ip", properties),
        )
        return address["PublicIp"], {"AllocationId": address["AllocationId"], "PublicIp": address["PublicIp"]}

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


class NatGateway(TaggedResource):
    """A gateway in a public subnet, by which private subnets reach the internet."""

    name = "AWS::EC2::NatGateway"
    attribute = "NatGatewayId"
    create_only = (
        *("AllocationId", "AvailabilityMode", "ConnectivityType", "PrivateIpAddress", "SubnetId", "VpcId"),
    )

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Make it; it is available at once."""
        members = ("AllocationId", "ConnectivityType", "PrivateIpAddress", "SubnetId")
        gateway: str = client("ec2").create_nat_gateway(
            **{name: properties[name] for name in members if name in properties},
            TagSpecifications=tag_specifications("natgateway", properties),
        )["NatGateway"]["NatGatewayId"]
        return gateway, {"NatGatewayId": gateway}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it."""
        with unless_gone():
            client("ec2").delete_nat_gateway(NatGatewayId=physical_id)


class FlowLog(TaggedResource):
    """A record of a network's connections: it is kept as asked for, without any packets."""

    name = "AWS::EC2::FlowLog"
    create_only = (
        *("DeliverCrossAccountRole", "DeliverLogsPermissionArn", "DestinationOptions", "LogDestination"),
        *("LogDestinationType", "LogFormat", "LogGroupName", "MaxAggregationInterval", "ResourceId"),
        *("ResourceType", "TagFieldSpecifications", "TrafficType"),
    )

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Make it."""
        values = {name: value for name, value in properties.items() if name not in ("ResourceId", "Tags")}
        values["ResourceIds"] = [properties["ResourceId"]]
        flow_log: str = call("ec2", "CreateFlowLogs", **values)["FlowLogIds"][0]
        # With the call itself the emulator would read the tags of another kind.
        replace_tags(flow_log, {}, properties)
        return flow_log, {"Id": flow_log}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it."""
        client("ec2").delete_flow_logs(FlowLogIds=[physical_id])


class NetworkAcl(TaggedResource):
    """An access list, empty."""

    name = "AWS::EC2::NetworkAcl"
    create_only = ("VpcId",)

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Make it."""
        acl: str = client("ec2").create_network_acl(
            VpcId=properties["VpcId"], TagSpecifications=tag_specifications("network-acl", properties)
        )["NetworkAcl"]["NetworkAclId"]
        return acl, {"Id": acl}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it."""
        with unless_gone():
            client("ec2").delete_network_acl(NetworkAclId=physical_id)
