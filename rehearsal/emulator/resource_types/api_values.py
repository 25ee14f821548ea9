"""A template's values as AWS's API wants them: `"64"` and `"true"` are a number and a truth there."""

from functools import lru_cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape


@lru_cache
def service_model(service: str) -> ServiceModel:
    """botocore's description of a service's API."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def request_values(service: str, operation: str, values: dict[str, Any]) -> dict[str, Any]:
    """Parameters of an operation, with every scalar of the operation's own type.

    Raises:
        ValueError: a value is not of its type, or the API has no such member.
    """
    shape = service_model(service).operation_model(operation).input_shape
    shaped: dict[str, Any] = as_shape(values, shape)
    return shaped


def as_shape(value: Any, shape: Shape | None) -> Any:
    """One value, as its shape wants it."""
    if isinstance(shape, StructureShape):
        return {name: as_shape(part, _member(shape, name)) for name, part in value.items()}
    if isinstance(shape, ListShape):
        return [as_shape(part, shape.member) for part in value]
    if isinstance(shape, MapShape):
        return {key: as_shape(part, shape.value) for key, part in value.items()}
    return _scalar(value, shape.type_name if shape else "string")


def _member(shape: StructureShape, name: str) -> Shape:
    if name not in shape.members:
        raise ValueError(f"{shape.name} has no member {name}; known are {', '.join(sorted(shape.members))}")
    found: Shape = shape.members[name]
    return found


def _scalar(value: Any, kind: str) -> Any:
    if kind == "boolean":
        return str(value).lower() == "true"
    if kind in ("integer", "long"):
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    if kind == "string" and isinstance(value, bool):
        return str(value).lower()
    return str(value) if kind == "string" else value
