"""The pipeline stack's template as tests ask about it."""

from typing import Any

from tests.infrastructure.synthesis import Synthesis, only


def of_type(stacks: Synthesis, resource_type: str) -> list[dict]:
    """The properties of every resource of a type."""
    return [one["Properties"] for one in stacks.resources("pipeline", resource_type).values()]


def cluster(stacks: Synthesis) -> dict:
    """The cluster's properties."""
    properties: dict = only(of_type(stacks, "AWS::EMR::Cluster"))
    return properties


def settings(stacks: Synthesis, classification: str) -> dict:
    """The properties of one of its classifications."""
    found: dict = only(
        one["ConfigurationProperties"]
        for one in cluster(stacks)["Configurations"]
        if one["Classification"] == classification
    )
    return found


def plain(value: Any, names: dict[str, str] | None = None) -> str:
    """A string in one line; references become `<Name>`, or what `names` says of them."""
    if isinstance(value, dict):
        ((kind, inner),) = value.items()
        if kind == "Fn::Join":
            return "".join(plain(part, names) for part in inner[1])
        text = inner if isinstance(inner, str) else str(inner[0])
        return next((new for old, new in (names or {}).items() if old in text), f"<{text}>")
    return str(value)


def depends_on(stacks: Synthesis, resource_type: str) -> set[str]:
    """Logical ids that the one resource of a type waits for, by DependsOn."""
    found = only(stacks.resources("pipeline", resource_type).values()).get("DependsOn", [])
    return {found} if isinstance(found, str) else set(found)
