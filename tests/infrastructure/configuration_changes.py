"""What a change of one field does to a deployment, by two templates and the schemas of CloudFormation."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.config.deployment import DeploymentConfig
from infra.errors import ConfigError
from tests.infrastructure.cloudformation_schemas import REGION, create_only
from tests.infrastructure.synthesis import Resource, Synthesis, synthesise

CLUSTER = "AWS::EMR::Cluster"
HOLDS_DATA = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Logs::LogGroup")
# The default is that of `dev`. A field that is not here has a number, a yes or no, or one of several words.
OTHER_VALUES: Mapping[str, str] = {
    "account": "123456789012",
    "region": "eu-west-1",
    "primary_instance_types": "m7i-flex.xlarge",
    "core_instance_types": "m7i-flex.xlarge",
    "task_instance_types": "m7i-flex.xlarge",
    "executors": "3",
    "executor_cores": "1",
    "applications": "Livy",
    "image_sources": "images,more",
    "existing_image_buckets": "images=my-photographs",
    "model": "raw_pixels",
    "weights": "random",
    "variance": "0.9",
    "labels": "path",
    "max_run_cost_usd": "2",
    "run": "second",
    "schedule": "0 3 * * ? *",
    "retention_days": "10",
    "retention_reason": "The label is printed on the box",
    "keep_removed_reason": "Catalogue entries outlive their photographs",
    "vpc_id": "vpc-0123456789abcdef0",
    "kms_key_arn": f"arn:aws:kms:{REGION}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "transit_certificates": "s3://my-certificates/pem.zip",
    "submitter_arns": "arn:aws:iam::123456789012:role/people",
    "notification_email": "another@example.com",
    "log_retention_days": "30",
}
# A value that asks for another field, too.
TOGETHER: Mapping[str, Mapping[str, str]] = {
    "core_minimum": {"core_maximum": "3", "task_maximum": "0"},
    "core_maximum": {"task_maximum": "0"},
    "vpc_id": {"account": "123456789012"},
}


@dataclass(frozen=True)
class Change:
    """What one field's change does, by resource types; `refusal` where the new value alone is refused."""

    field: str
    replaced: frozenset[str] = frozenset()
    altered: frozenset[str] = frozenset()
    new_run: bool = False
    refusal: str = ""

    @property
    def effect(self) -> str:
        """What it does to the deployment, in the words of docs/changes.md."""
        if self.refusal:
            return "refused"
        if CLUSTER in self.replaced:
            return "a new cluster with a new run" if self.new_run else "a new cluster with the same run"
        return "in place" if self.replaced or self.altered else "nothing"

    @property
    def refused_by_emr(self) -> bool:
        """Whether it would change the cluster in place, which EMR refuses once the cluster has ended."""
        return CLUSTER in self.altered

    @property
    def row(self) -> str:
        """The row of the field in the table of docs/changes.md."""
        ended = "refused by EMR" if self.refused_by_emr else self.effect
        return (
            f"| `{self.field}` | {self.effect} | {ended} | {_kinds(self.replaced)} | {_kinds(self.altered)} |"
        )


def _kinds(kinds: frozenset[str]) -> str:
    return ", ".join(sorted(kind.partition("::")[2] for kind in kinds - {CLUSTER})) or "none"


def other_value(field: str) -> str:
    """Return a value that the field may take and that is not its default in `dev`."""
    if field in OTHER_VALUES:
        return OTHER_VALUES[field]
    default = getattr(DeploymentConfig.from_context({}), field)
    schema = DeploymentConfig.model_json_schema()["properties"][field]
    if isinstance(default, bool):
        return str(not default).lower()
    if isinstance(default, int | float):
        return str(default + 1 if default + 1 <= schema.get("maximum", default) else default / 2)
    return str(next(word for word in _words(schema) if word != default))


def _words(schema: Mapping[str, Any]) -> list[str]:
    return schema.get("enum") or re.findall(r"\w[\w-]*", schema["allowed"])


def changes() -> Iterator[Change]:
    """Yield what each field's change does, in the order of the configuration."""
    for field in DeploymentConfig.model_fields:
        if field != "stage":  # another stage is another deployment
            yield change_of(field)


def change_of(field: str) -> Change:
    """Return what changing one field does."""
    together = TOGETHER.get(field, {})
    try:
        after = synthesise(stage="dev", **together, **{field: other_value(field)})
    except ConfigError as error:
        return Change(field, refusal=str(error))
    before = synthesise(stage="dev", **together)
    replaced, altered = set(), set()
    for part in before.files.keys() & after.files.keys():
        old, new = before.json(part)["Resources"], after.json(part)["Resources"]
        anew, in_place = _differences(old, new)
        replaced |= {(old.get(name) or new[name])["Type"] for name in anew}
        altered |= {new[name]["Type"] for name in in_place}
    return Change(field, frozenset(replaced), frozenset(altered), _run(before) != _run(after))


def _differences(old: Mapping[str, Resource], new: Mapping[str, Resource]) -> tuple[set[str], set[str]]:
    """Return the logical ids that come, go or are replaced, and those that change in place.

    What refers to a replaced resource changes too, in the property that holds the reference.
    """
    anew, in_place = set(old.keys() ^ new.keys()), set[str]()
    while True:
        before = len(anew), len(in_place)
        for name in (old.keys() & new.keys()) - anew:
            changed = _changed_properties(old[name], new[name], anew)
            if changed & _create_only(new[name]["Type"]):
                anew.add(name)
            elif changed:
                in_place.add(name)
        if before == (len(anew), len(in_place)):
            return anew, in_place - anew


def _changed_properties(old: Resource, new: Resource, anew: set[str]) -> set[str]:
    before, after = old.get("Properties", {}), new.get("Properties", {})
    return {
        name
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name) or anew & set(references(after.get(name)))
    }


def references(value: Any) -> Iterator[str]:
    """Yield the logical ids that a value of a template refers to."""
    if isinstance(value, list):
        for below in value:
            yield from references(below)
    elif isinstance(value, dict):
        for key, below in value.items():
            if key == "Ref":
                yield below
            elif key == "Fn::GetAtt":
                yield below[0]
            else:
                yield from references(below)


def _run(stacks: Synthesis) -> str:
    run: str = stacks.outputs("pipeline")["RunId"]["Value"]
    return run


def _create_only(kind: str) -> set[str]:
    """Return the properties that cannot be changed in place, or that have a part which cannot."""
    return set() if kind.startswith("Custom::") else {path.split("/")[0] for path in create_only(kind)}
