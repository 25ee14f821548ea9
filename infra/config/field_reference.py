"""What each field of the configuration takes, in words, read from its type: for errors and documents."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from infra.config.field_types import Allowed

# `Annotated[…] | None` is a typing.Union, `str | None` a UnionType: Python 3.11 has both.
_UNIONS = (UnionType, Union)


def is_optional(annotation: Any) -> bool:
    """Whether the field may be left empty."""
    return get_origin(annotation) in _UNIONS and NoneType in get_args(annotation)


def plain_type(annotation: Any) -> Any:
    """The type without `| None` and without annotations around it."""
    if get_origin(annotation) in _UNIONS:
        annotation = next(part for part in get_args(annotation) if part is not NoneType)
    return plain_type(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def allowed_values(field: FieldInfo) -> str:
    """What the field takes: `dev, prod`, `a whole number, 2 to 100`, …"""
    return _words([field.annotation, *field.metadata])


def closest_field(name: str, fields: Iterable[str]) -> str:
    """The field that was probably meant, else where all are listed."""
    close = get_close_matches(name, list(fields), n=1)
    return f"did you mean {close[0]}?" if close else "docs/deployment.md lists them all"


def _words(parts: list[Any]) -> str:
    flat = [mark for part in parts for mark in _marks(part)]
    told = [mark.words for mark in flat if isinstance(mark, Allowed)]
    if told:
        return told[-1]
    kind = plain_type(parts[0])
    if get_origin(kind) is Literal:
        return ", ".join(str(value) for value in get_args(kind))
    if get_origin(kind) is tuple:
        return f"a list of {_words([get_args(kind)[0]])}"
    if kind is bool:
        return "true, false"
    return f"{'a whole number' if kind is int else 'a number'}, {_range(flat)}"


def _marks(part: Any) -> list[Any]:
    """Every constraint in an annotation, the outermost last."""
    if get_origin(part) in (*_UNIONS, tuple, dict, Annotated):
        return [mark for inner in get_args(part) for mark in _marks(inner)]
    return list(part.metadata) if isinstance(part, FieldInfo) else [part]


def _range(marks: list[Any]) -> str:
    low = next((f"{mark.ge:,}" for mark in marks if isinstance(mark, Ge)), None)
    above = next((f"above {mark.gt:,}" for mark in marks if isinstance(mark, Gt)), None)
    high = next((f"{mark.le:,}" for mark in marks if isinstance(mark, Le)), None)
    return f"{low or above}{' to ' if low else ', at most '}{high}"


def field_rows(fields: Mapping[str, FieldInfo], by_stage: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The rows of a Markdown table: field, what it is, default, allowed.

    Args:
        fields: name to field.
        by_stage: stage to the defaults that differ by stage.
    """
    rows = ["| field | what it is | default | allowed |", "|---|---|---|---|"]
    for name, field in fields.items():
        of_stage = {stage: defaults[name] for stage, defaults in by_stage.items() if name in defaults}
        default = ", ".join(f"{_shown(value)} ({stage})" for stage, value in of_stage.items()) or _shown(
            field.get_default(call_default_factory=True, validated_data={})
        )
        rows.append(f"| `{name}` | {field.description} | {default} | {allowed_values(field)} |")
    return rows


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None or value == {} else str(value)
