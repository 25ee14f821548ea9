"""How clusters encrypt: AWS::EMR::SecurityConfiguration."""

import json
from typing import Any

from rehearsal.emulator.api import client
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType, physical_name


class EmrSecurityConfiguration(ResourceType):
    """`Ref` answers its name; nothing of it can be changed."""

    name = "AWS::EMR::SecurityConfiguration"
    create_only = ("Name", "SecurityConfiguration")

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Make it, with a name if it has none."""
        given = properties["SecurityConfiguration"]
        name = properties.get("Name") or physical_name(stack, logical_id)
        client("emr").create_security_configuration(
            Name=name, SecurityConfiguration=given if isinstance(given, str) else json.dumps(given)
        )
        return name, {}

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Never called: every property replaces it."""
        return {}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it."""
        emr = client("emr")
        listed = emr.get_paginator("list_security_configurations").paginate()
        names = {entry["Name"] for page in listed for entry in page["SecurityConfigurations"]}
        if physical_id in names:
            emr.delete_security_configuration(Name=physical_id)
