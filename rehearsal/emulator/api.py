"""Calls to the emulated AWS from within it, in the region of the request that is served.

They must be made on a worker thread: the event loop has to answer them.
"""

from functools import lru_cache
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape
from ministack.core.responses import get_region


def client(service: str, region: str | None = None) -> Any:
    """Return boto3's client of a service, by default in the region of the current request."""
    return _client(service, region or get_region())


@lru_cache(maxsize=256)
def _client(service: str, region: str) -> Any:
    # Endpoint and keys are in the environment.
    make: Any = boto3.session.Session().client  # its types know only names that are written out
    return make(
        service,
        region_name=region,
        config=Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=16),
    )


def call(service: str, operation: str, **values: Any) -> Any:
    """Call an operation, as `PutBucketTagging`, with values of a template, where a number may be a text.

    Raises ValueError: a value is not of its type, or the API has no such member. ClientError: it is refused.
    """
    aws = client(service)
    shape = aws.meta.service_model.operation_model(operation).input_shape
    return getattr(aws, xform_name(operation))(**typed(values, shape))


def typed(value: Any, shape: Shape | None) -> Any:
    """Return a template's value with every scalar of the type that its shape has.

    Raises ValueError: a value is not of its type, or a structure has no such member.
    """
    if isinstance(shape, StructureShape):
        if unknown := value.keys() - shape.members.keys():
            known = ", ".join(sorted(shape.members))
            raise ValueError(f"{shape.name} has no member {', '.join(sorted(unknown))}; it has {known}")
        return {name: typed(part, shape.members[name]) for name, part in value.items()}
    if isinstance(shape, ListShape):
        return [typed(part, shape.member) for part in value]
    if isinstance(shape, MapShape):
        return {key: typed(part, shape.value) for key, part in value.items()}
    kind = shape.type_name if shape else "string"
    if kind == "boolean" or (kind == "string" and isinstance(value, bool)):
        text = str(value).lower()
        return text == "true" if kind == "boolean" else text
    scalar = {"string": str, "integer": int, "long": int, "float": float, "double": float}.get(kind)
    return scalar(value) if scalar else value


def renamed(value: Any, names: dict[str, str]) -> Any:
    """Return a template's value with other names of members, at every depth."""
    if isinstance(value, list):
        return [renamed(part, names) for part in value]
    if not isinstance(value, dict):
        return value
    return {names.get(name, name): renamed(part, names) for name, part in value.items()}


def remove(service: str, operation: str, **values: Any) -> None:
    """Call an operation that deletes a resource, which may be gone already."""
    try:
        call(service, operation, **values)
    except ClientError as error:
        if "NotFound" not in error.response["Error"]["Code"]:
            raise
