"""CloudFormation's own schema of a resource type, as cfn-lint keeps it."""

from typing import Any

REGION = "eu-west-3"


def resource_schema(kind: str) -> dict[str, Any]:
    """Return the schema of a type, as `AWS::EMR::Cluster`."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # takes seconds

    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    return schema


def create_only(kind: str) -> set[str]:
    """Return the properties of a type that cannot be changed in place; `A/B` is one of a property's parts."""
    return {
        path.removeprefix("/properties/") for path in resource_schema(kind).get("createOnlyProperties", [])
    }
