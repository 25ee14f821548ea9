"""What each field of the configuration takes, in words: for errors and for docs/deployment.md."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Schema = Mapping[str, Any]


def field_schemas(settings: type[BaseModel]) -> dict[str, Schema]:
    """Return the JSON schema of every field, as Pydantic reads it from the field's type."""
    fields: dict[str, Schema] = settings.model_json_schema()["properties"]
    return fields


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
    for name, schema in field_schemas(settings).items():
        of_stages = [
            f"{_shown(values[name])} ({stage})" for stage, values in by_stage.items() if name in values
        ]
        default = ", ".join(of_stages) or _shown(schema.get("default"))
        rows.append(
            f"| `{name}` | {' '.join(schema['description'].split())} | {default} | {allowed_values(schema)} |"
        )
    return rows


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) and value else str(value or "none")
