"""How private subnets reach the internet: AWS::EC2::EIP and AWS::EC2::NatGateway."""

from typing import Any

from rehearsal.emulator.api import client, gone_is_fine
from rehearsal.emulator.resource_types.ec2_tags import replace_tags, tag_specifications
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType


class ElasticIp(ResourceType):
    """An address of the account's own."""

    name = "AWS::EC2::EIP"
    create_only = ("NetworkBorderGroup", "TransferAddress", "IpamPoolId", "Address")

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Allocate it; `Ref` answers the address."""
        made = client("ec2").allocate_address(
            Domain=properties.get("Domain", "vpc"),
            TagSpecifications=tag_specifications("elastic-ip", properties),
        )
        return made["PublicIp"], _eip_attributes(made)

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Its tags."""
        address = _address(physical_id)
        replace_tags(address["AllocationId"], old, new)
        return _eip_attributes(address)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Release it."""
        with gone_is_fine():
            client("ec2").release_address(AllocationId=_address(physical_id)["AllocationId"])


class NatGateway(ResourceType):
    """A gateway in a public subnet."""

    name = "AWS::EC2::NatGateway"
    create_only = (
        *("AllocationId", "AvailabilityMode", "ConnectivityType", "PrivateIpAddress", "SubnetId", "VpcId"),
    )

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Make it; it is available at once."""
        members = ("AllocationId", "ConnectivityType", "PrivateIpAddress", "SubnetId")
        made = client("ec2").create_nat_gateway(
            **{name: properties[name] for name in members if name in properties},
            TagSpecifications=tag_specifications("natgateway", properties),
        )
        found: str = made["NatGateway"]["NatGatewayId"]
        return found, {"NatGatewayId": found}

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Its tags."""
        replace_tags(physical_id, old, new)
        return {"NatGatewayId": physical_id}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it."""
        with gone_is_fine():
            client("ec2").delete_nat_gateway(NatGatewayId=physical_id)


def _address(public_ip: str) -> dict[str, Any]:
    # Filters by address are not known to every emulator; an account has a handful.
    addresses = client("ec2").describe_addresses()["Addresses"]
    found: dict[str, Any] = next(entry for entry in addresses if entry["PublicIp"] == public_ip)
    return found


def _eip_attributes(address: dict[str, Any]) -> dict[str, Any]:
    return {"AllocationId": address["AllocationId"], "PublicIp": address["PublicIp"]}
