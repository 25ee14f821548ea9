"""Requests held against botocore's model of EMR, and answers cut to it."""

from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from rehearsal.emr.errors import EmrError, validation

PLAIN_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float, str),
}


@cache
def service_model() -> ServiceModel:
    """EMR's API, as botocore ships it."""
    return botocore.session.get_session().get_service_model("emr")


def operation_model(operation: str) -> OperationModel:
    """One operation.

    Raises:
        EmrError: EMR has none of that name.
    """
    if operation not in service_model().operation_names:
        raise EmrError("UnknownOperationException", f"Amazon EMR has no operation {operation}.")
    return service_model().operation_model(operation)


def check_request(operation: str, request: dict[str, Any]) -> None:
    """Hold a request against the model: types, required members, enumerations, lengths, ranges.

    Raises:
        EmrError: ValidationException with every fault found, as EMR words them.
    """
    faults: list[str] = []
    shape = operation_model(operation).input_shape
    if shape:
        _check(shape, request, "", faults)
    if faults:
        count = f"{len(faults)} validation error{'s' * (len(faults) > 1)} detected: "
        raise validation(count + "; ".join(faults))


def _check(shape: Shape, value: Any, path: str, faults: list[str]) -> None:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        _check_structure(shape, value, path, faults)
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for number, item in enumerate(value, 1):
            _check(shape.member, item, f"{path}.{number}.member", faults)
    elif shape.type_name == "map" and isinstance(value, dict):
        return
    elif not _is_plain(shape, value):
        raise EmrError(
            "SerializationException", f"{path or 'the request'} must be of type {shape.type_name}."
        )
    else:
        _check_constraints(shape, value, path, faults)


def _is_plain(shape: Shape, value: Any) -> bool:
    types = PLAIN_TYPES.get(shape.type_name, ())
    return isinstance(value, types) and (shape.type_name == "boolean" or not isinstance(value, bool))


def _check_structure(shape: StructureShape, value: dict[str, Any], path: str, faults: list[str]) -> None:
    names = {name: f"{path}.{name[0].lower()}{name[1:]}".lstrip(".") for name in shape.members}
    faults.extend(
        f"Value null at '{names[name]}' failed to satisfy constraint: Member must not be null"
        for name in shape.required_members
        if value.get(name) is None
    )
    for name, item in value.items():
        if name in shape.members and item is not None:
            _check(shape.members[name], item, names[name], faults)


def _check_constraints(shape: Shape, value: Any, path: str, faults: list[str]) -> None:
    told = f"Value '{value}' at '{path}' failed to satisfy constraint: Member must "
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        faults.append(f"{told}satisfy enum value set: [{', '.join(allowed)}]")
    size, kind = (len(value), "have length ") if isinstance(value, str) else (value, "have value ")
    if (least := shape.metadata.get("min")) is not None and size < least:
        faults.append(f"{told}{kind}greater than or equal to {least}")
    if (most := shape.metadata.get("max")) is not None and size > most:
        faults.append(f"{told}{kind}less than or equal to {most}")


def fit_answer(operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer without what is None or its shape lacks; so one description serves many shapes."""
    shape = operation_model(operation).output_shape
    return _fit(shape, answer) if shape else {}


def _fit(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return {
            name: _fit(shape.members[name], item)
            for name, item in value.items()
            if name in shape.members and item is not None
        }
    if isinstance(shape, ListShape):
        return [_fit(shape.member, item) for item in value]
    return value
