"""How CDK's context becomes a configuration: strings become values, errors one line; what fields take."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from infra.errors import ConfigError

Settings = TypeVar("Settings", bound=BaseModel)
# Keys that CDK itself puts into the context: flags, switches, and cached look-ups of an account.
CDK_PREFIXES = ("@aws-cdk/", "aws-cdk:", "aws:cdk:", "cdk:", "cli:", "vpc-provider:", "availability-zones:")
STAGES = "stages"
Schema = Mapping[str, Any]


def context_of(pairs: Iterable[str]) -> dict[str, str]:
    """Read `FIELD=VALUE` arguments; the last of one name counts. Raises ConfigError: A pair has no `=`."""
    parts = [pair.partition("=") for pair in pairs]
    for name, equals, _ in parts:
        if not equals:
            raise ConfigError("-c", name, "allowed: FIELD=VALUE")
    return {name: value for name, _, value in parts}


def from_stage(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return our fields: those that `stages` has for the stage, then the top level. Raises ConfigError."""
    ours = {name: value for name, value in context.items() if not name.startswith(CDK_PREFIXES)}
    stages = ours.pop(STAGES, {})
    if not isinstance(stages, Mapping) or not all(isinstance(fields, Mapping) for fields in stages.values()):
        raise ConfigError(STAGES, stages, 'a mapping such as {"prod": {"notification_email": "…"}}')
    unknown = set(stages) - {"dev", "prod"}
    if unknown:
        raise ConfigError(STAGES, sorted(unknown), "allowed: dev, prod")
    return {**stages.get(str(ours.get("stage", "dev")), {}), **ours}


def typed_values(settings: type[Settings], values: Mapping[str, Any]) -> Settings:
    """Return settings, each value read by its field's type; empty text is no value. Raises ConfigError."""
    fields = settings.model_fields
    given = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
    for name, value in given.items():
        if name not in fields:
            close = get_close_matches(name, list(fields), n=1)
            advice = f"did you mean {close[0]}?" if close else "docs/deployment.md lists them all"
            raise ConfigError(name, value, f"no such field; {advice}")
        if isinstance(value, bool) and fields[name].annotation is not bool:  # to Pydantic also the number 1
            raise _not_allowed(settings, [name], values)
    empty = {name for name, value in given.items() if value == "" and fields[name].default is None}
    try:
        return settings(**{name: value for name, value in given.items() if name not in empty})
    except ValidationError as error:
        names = list(dict.fromkeys(str(problem["loc"][0]) for problem in error.errors()))
        raise _not_allowed(settings, names, values) from None


def _not_allowed(settings: type[BaseModel], names: list[str], values: Mapping[str, Any]) -> ConfigError:
    first, *others = names
    more = "".join(f"; {name} is not allowed either" for name in others)
    allowed = allowed_values(settings.model_json_schema()["properties"][first])
    return ConfigError(first, values.get(first), f"allowed: {allowed}{more}")


def allowed_values(schema: Schema) -> str:
    """Say what a field takes, as `dev, prod` or `a whole number, 2 to 100`."""
    if "allowed" in schema:
        return str(schema["allowed"])
    if "anyOf" in schema:  # a value, or null
        return allowed_values(schema["anyOf"][0])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema["type"] == "array":
        return f"a list of {allowed_values(schema['items'])}"
    if schema["type"] == "boolean":
        return "true, false"
    kind = "a whole number" if schema["type"] == "integer" else "a number"
    if "exclusiveMinimum" in schema:
        return f"{kind}, above {schema['exclusiveMinimum']:,}, at most {schema['maximum']:,}"
    return f"{kind}, {schema['minimum']:,} to {schema['maximum']:,}"


def field_rows(settings: type[BaseModel], by_stage: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the rows of a Markdown table: field, what it is, default (that of a stage too), allowed."""
    rows = ["| field | what it is | default | allowed |", "|---|---|---|---|"]
    for name, schema in settings.model_json_schema()["properties"].items():
        stages = [stage for stage, values in by_stage.items() if name in values]
        default = ", ".join(f"{_shown(by_stage[stage][name])} ({stage})" for stage in stages)
        default = default or _shown(schema.get("default"))
        text = " ".join(schema["description"].split())
        rows.append(f"| `{name}` | {text} | {default} | {allowed_values(schema)} |")
    return rows


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) and value else str(value or "none")
