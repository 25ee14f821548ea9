"""Requests held against botocore's model of EMR, and answers cut to it."""

import re
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

from rehearsal.emr.errors import VALIDATION, EmrError

# botocore's word for a fault to EMR's.
CONSTRAINTS = {
    "missing required field": "not be null",
    "invalid length": "have length greater than or equal to {min_allowed}",
    "invalid range": "have value greater than or equal to {min_allowed}",
    "too long": "have length less than or equal to {max_allowed}",
    "too large": "have value less than or equal to {max_allowed}",
    "unknown value": "satisfy enum value set: [{allowed}]",
}


@cache
def service_model() -> ServiceModel:
    """Return EMR's API as botocore ships it."""
    return botocore.session.get_session().get_service_model("emr")


def operation_model(operation: str) -> OperationModel:
    """Return the model of one operation. Raises EmrError: EMR has none of that name."""
    if operation not in service_model().operation_names:
        raise EmrError("UnknownOperationException", f"Amazon EMR has no operation {operation}.")
    return service_model().operation_model(operation)


def checked_request(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a request that fits the model: types, required members, enumerations, bounds.

    Members that are None are left out: they count as absent everywhere in AWS's JSON. Raises EmrError with
    every fault, in EMR's words.
    """
    present: dict[str, Any] = _without_none(request)
    faults = _Faults()
    _Validator()._validate(present, operation_model(operation).input_shape, faults, "")
    if faults.sentences:
        count = f"{len(faults.sentences)} validation error{'s' * (len(faults.sentences) > 1)} detected: "
        raise EmrError(VALIDATION, count + "; ".join(faults.sentences))
    return present


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(part) for name, part in value.items() if part is not None}
    return [_without_none(part) for part in value] if isinstance(value, list) else value


class _Validator(ParamValidator):
    """botocore's checks, and those that it leaves to the service: enumerations and upper bounds."""

    def _validate(self, value: Any, shape: Any, faults: "_Faults", name: str) -> None:
        super()._validate(value, shape, faults, name)  # type: ignore[misc]  # private: no stubs know it
        if isinstance(value, str) and shape.type_name == "string" and value not in (shape.enum or [value]):
            faults.report(name, "unknown value", param=value, allowed=", ".join(shape.enum))
        most = shape.metadata.get("max")
        if most is not None and isinstance(value, str) and len(value) > most:
            faults.report(name, "too long", param=value, max_allowed=most)
        if most is not None and isinstance(value, (int, float)) and value > most:
            faults.report(name, "too large", param=value, max_allowed=most)


class _Faults:
    """Collects what botocore's validator reports, as sentences in EMR's words."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def report(self, name: str, reason: str, **details: Any) -> None:
        """Take one fault, as botocore's own collector does."""
        path = _path(f"{name}.{details['required_name']}" if "required_name" in details else name)
        if reason == "invalid type":
            value = type(details["param"]).__name__
            raise EmrError("SerializationException", f"{path or 'the request'} must not be of type {value}.")
        # Members that botocore's model does not know yet are ignored, as EMR does.
        if reason in CONSTRAINTS:
            value = f"'{details['param']}'" if "param" in details else "null"
            constraint = CONSTRAINTS[reason].format(**details)
            sentence = f"Value {value} at '{path}' failed to satisfy constraint: Member must {constraint}"
            self.sentences.append(sentence)


def _path(name: str) -> str:
    """Return a place in a request as EMR writes it: `steps.1.member.name` for `.Steps[0].Name`."""
    members = [part[:1].lower() + part[1:] for part in name.strip(".").split(".")]
    return re.sub(r"\[(\d+)\]", lambda index: f".{int(index[1]) + 1}.member", ".".join(members))


def fit(shape: Shape | None, value: Any) -> Any:
    """Return a copy of an answer without what is None or its shape lacks: one description serves many."""
    if isinstance(shape, StructureShape):
        return {
            name: fit(shape.members[name], part)
            for name, part in value.items()
            if name in shape.members and part is not None
        }
    if isinstance(shape, ListShape):
        return [fit(shape.member, part) for part in value]
    return dict(value) if isinstance(value, dict) else value
