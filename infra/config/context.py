"""How CDK's context becomes a configuration: strings become values, errors become one line."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from infra.config.field_reference import allowed_values, closest_field, is_optional, plain_type
from infra.errors import ConfigError

Settings = TypeVar("Settings", bound=BaseModel)
# Keys that CDK itself puts into the context: flags, switches, and cached look-ups of an account.
CDK_PREFIXES = ("@aws-cdk/", "aws-cdk:", "aws:cdk:", "cdk:", "cli:", "vpc-provider:", "availability-zones:")
STAGES = "stages"


def context_of(pairs: tuple[str, ...]) -> dict[str, str]:
    """`FIELD=VALUE` arguments as a mapping; the last of one name counts.

    Raises:
        ConfigError: a pair has no `=`.
    """
    parts = [pair.partition("=") for pair in pairs]
    for name, equals, _ in parts:
        if not equals:
            raise ConfigError("-c", name, "allowed: FIELD=VALUE")
    return {name: value for name, _, value in parts}


def from_stage(context: Mapping[str, Any]) -> dict[str, Any]:
    """Our fields in the context: what `stages` says of the stage, overridden by the top level.

    Raises:
        ConfigError: `stages` is no mapping of stages to fields.
    """
    ours = {name: value for name, value in context.items() if not name.startswith(CDK_PREFIXES)}
    stages = ours.pop(STAGES, {})
    if not isinstance(stages, Mapping) or not all(isinstance(fields, Mapping) for fields in stages.values()):
        raise ConfigError(STAGES, stages, 'a mapping such as {"prod": {"notification_email": "…"}}')
    unknown = set(stages) - {"dev", "prod"}
    if unknown:
        raise ConfigError(STAGES, sorted(unknown), "allowed: dev, prod")
    return {**stages.get(str(ours.get("stage", "dev")), {}), **ours}


def typed_values(settings: type[Settings], values: Mapping[str, Any]) -> Settings:
    """The settings with these values, strings parsed by each field's type.

    Raises:
        ConfigError: a field is unknown or its value is not allowed; one line names them all.
    """
    fields = settings.model_fields
    for name, value in values.items():
        if name not in fields:
            raise ConfigError(name, value, f"no such field; {closest_field(name, fields)}")
    try:
        return settings(**{name: _parsed(name, fields[name], value) for name, value in values.items()})
    except ValidationError as error:
        raise _first_error(error, fields, values) from None


def _parsed(name: str, field: FieldInfo, value: Any) -> Any:
    kind = plain_type(field.annotation)
    if isinstance(value, bool) and kind is not bool:  # to Pydantic, true is also the number 1
        raise ConfigError(name, value, _allowed(field))
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text and is_optional(field.annotation):
        return None
    if get_origin(kind) is tuple:
        return _parts(text)
    if get_origin(kind) is dict:
        return _pairs(name, field, text)
    return next((choice for choice in _choices(kind) if str(choice) == text), text)


def _choices(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pairs(name: str, field: FieldInfo, text: str) -> dict[str, str]:
    parts = [part.partition("=") for part in _parts(text)]
    if not all(equals for _, equals, _ in parts):
        raise ConfigError(name, text, _allowed(field))
    return {key.strip(): value.strip() for key, _, value in parts}


def _allowed(field: FieldInfo) -> str:
    return f"allowed: {allowed_values(field)}"


def _first_error(
    error: ValidationError, fields: Mapping[str, FieldInfo], values: Mapping[str, Any]
) -> ConfigError:
    names = list(dict.fromkeys(str(each["loc"][0]) for each in error.errors()))
    others = _others(names[1:])
    return ConfigError(names[0], values.get(names[0]), f"{_allowed(fields[names[0]])}{others}")


def _others(names: Iterable[str]) -> str:
    return "".join(f"; {name} is not allowed either" for name in names)
