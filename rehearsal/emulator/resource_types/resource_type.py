"""What CloudFormation asks of a resource type, and how MiniStack comes to ask ours."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar
from uuid import uuid4

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from ministack.services.cloudformation import provisioners, stacks

from rehearsal.settings import DEFAULT_REGION

Properties = Mapping[str, Any]
# Physical id (what `Ref` answers) and attributes (what `Fn::GetAtt` answers).
Resource = tuple[str, dict[str, Any]]


class ResourceType(ABC):
    """One type of the templates; its methods call AWS's own API and run on worker threads."""

    name: str
    # Whether an update that fails may have changed something: a rollback then updates the resource back.
    half_changed: ClassVar[bool] = False

    @abstractmethod
    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Make it and wait until it is ready; an exception fails the stack, with its text as the reason."""

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Change it in place and return its attributes; no property differs whose change replaces it.

        No field of the configuration changes a resource of those types that have no such method.
        """
        raise NotImplementedError(f"the rehearsal changes {self.name} by replacement alone")

    @abstractmethod
    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it; what is gone already is no error."""


def install(types: list[ResourceType]) -> None:
    """Teach MiniStack's CloudFormation these types, each operation on a worker thread."""
    for resource_type in types:
        update = partial(_update, resource_type)
        operations = {"create": resource_type.create, "update": update, "delete": resource_type.delete}
        provisioners._RESOURCE_HANDLERS[resource_type.name] = operations
        # CloudFormation's own schema of the type says which properties cannot change in place.
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(DEFAULT_REGION, resource_type.name).schema
        paths = [path.removeprefix("/properties/") for path in schema["createOnlyProperties"]]
        provisioners._REPLACING_PROPERTIES[resource_type.name] = tuple(paths)
    names = {resource_type.name for resource_type in types}
    half_changed = {resource_type.name for resource_type in types if resource_type.half_changed}
    on_worker_thread, sent_back = stacks._runs_on_worker_thread, stacks._sends_back_failed_update
    stacks._runs_on_worker_thread = lambda name: name in names or on_worker_thread(name)
    stacks._sends_back_failed_update = lambda name: name in half_changed or sent_back(name)


def _update(kind: ResourceType, physical_id: str, old: Properties, new: Properties, _stack: str) -> Resource:
    return physical_id, kind.update(physical_id, old, new)


def physical_name(stack: str, logical_id: str) -> str:
    """Return a name of stack, resource and random characters, as CloudFormation gives."""
    return f"{stack}-{logical_id}-{uuid4().hex[:12]}"
