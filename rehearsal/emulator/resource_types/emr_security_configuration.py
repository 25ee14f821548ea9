"""How clusters encrypt: AWS::EMR::SecurityConfiguration."""

import json
from contextlib import suppress

from rehearsal.emulator.api import client
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType, physical_name


class EmrSecurityConfiguration(ResourceType):
    """`Ref` answers its name; nothing of it can be changed."""

    name = "AWS::EMR::SecurityConfiguration"
    create_only = ("Name", "SecurityConfiguration")

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Make it, with a name if it has none."""
        content = properties["SecurityConfiguration"]
        name = properties.get("Name") or physical_name(stack, logical_id)
        client("emr").create_security_configuration(
            Name=name, SecurityConfiguration=content if isinstance(content, str) else json.dumps(content)
        )
        return name, {}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it."""
        emr = client("emr")
        with suppress(emr.exceptions.InvalidRequestException):
            emr.delete_security_configuration(Name=physical_id)
