"""Rules of security groups as resources of their own: AWS::EC2::SecurityGroupIngress and …Egress."""

from collections.abc import Mapping
from typing import Any, Literal

from rehearsal.emulator.api import client, gone_is_fine
from rehearsal.emulator.resource_types.api_values import request_values
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
    """Rules in one direction."""

    create_only = (
        *("GroupId", "GroupName", "IpProtocol", "FromPort", "ToPort"),
        *PEERS,
        *("SourceSecurityGroupName", "SourceSecurityGroupOwnerId"),
    )

    def __init__(self, direction: Literal["Ingress", "Egress"]) -> None:
        self.name = f"AWS::EC2::SecurityGroup{direction}"
        self._direction = direction

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Authorize it; `Ref` answers the rule's id."""
        group = properties["GroupId"]
        answer = self._call("Authorize", GroupId=group, IpPermissions=[permission(properties)])
        rule: str = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        return rule, {"Id": rule}

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """The description, the one property that changes in place."""
        described = {"Description": new.get("Description", "")}
        client("ec2").modify_security_group_rules(
            GroupId=new["GroupId"],
            SecurityGroupRules=[{"SecurityGroupRuleId": physical_id, "SecurityGroupRule": described}],
        )
        return {"Id": physical_id}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Revoke it."""
        with gone_is_fine():
            self._call("Revoke", GroupId=properties["GroupId"], SecurityGroupRuleIds=[physical_id])

    def _call(self, verb: str, **values: Any) -> Any:
        operation = f"{verb}SecurityGroup{self._direction}"
        method = f"{verb.lower()}_security_group_{self._direction.lower()}"
        return getattr(client("ec2"), method)(**request_values("ec2", operation, values))


def permission(properties: Properties) -> dict[str, Any]:
    """The rule as the API's IpPermission.

    Raises:
        ValueError: it names no peer.
    """
    names = [name for name in ("IpProtocol", "FromPort", "ToPort") if name in properties]
    found: dict[str, Any] = {name: properties[name] for name in names}
    described = {"Description": properties["Description"]} if properties.get("Description") else {}
    for name, (place, member) in PEERS.items():
        if name in properties:
            found[place] = [{member: properties[name], **described}]
            return found
    raise ValueError(f"a rule needs one of {', '.join(PEERS)}")
