"""Tags of EC2's resources, from a template's to the API's."""

from typing import Any

from rehearsal.emulator.api import client
from rehearsal.emulator.resource_types.resource_type import Properties


def tag_specifications(kind: str, properties: Properties) -> list[dict[str, Any]]:
    """What a Create call takes; `kind` as `network-acl`."""
    tags = properties.get("Tags")
    return [{"ResourceType": kind, "Tags": tags}] if tags else []


def replace_tags(resource_id: str, old: Properties, new: Properties) -> None:
    """Bring the template's tags up to date; those of other hands stay."""
    before = {tag["Key"] for tag in old.get("Tags", [])}
    after = new.get("Tags", [])
    if dropped := before - {tag["Key"] for tag in after}:
        client("ec2").delete_tags(Resources=[resource_id], Tags=[{"Key": key} for key in sorted(dropped)])
    if after:
        client("ec2").create_tags(Resources=[resource_id], Tags=after)
