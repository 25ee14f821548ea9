"""What a destroy of a stage takes away and what stays, from the deployed stacks themselves."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from infra.contract.aws_clients import CloudFormationClient, S3Client
from infra.contract.names import STACK_PARTS, stack_name
from operate.deployment import if_there
from operate.errors import none_if_refused

BUCKET = "AWS::S3::Bucket"
GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")
# Policies of a template under which CloudFormation leaves a resource when its stack goes.
STAYING = ("Retain", "RetainExceptOnCreate")
MOST_LISTED = 200_000  # a listing of more takes minutes; "at least" is enough then
AT_ONCE = 8


@dataclass(frozen=True)
class Resource:
    """One resource of a stack."""

    stack: str
    id: str  # the physical id: a bucket's name, a cluster's id
    type: str
    stays: bool


@dataclass(frozen=True)
class Contents:
    """What a bucket holds, all versions counted; `at_least`: there is more."""

    objects: int
    bytes: int
    at_least: bool

    @property
    def sentence(self) -> str:
        """The contents in words, as `12 objects, 3.4 MB`."""
        least = "at least " if self.at_least else ""
        return f"{least}{self.objects:,} objects, {self.bytes / 1e6:,.1f} MB"


def deployed_resources(cloudformation: CloudFormationClient, stage: str) -> list[Resource]:
    """Return every resource of the stage's stacks, those of the pipeline first."""
    stacks = [stack_name(stage, part) for part in reversed(STACK_PARTS)]
    return [resource for stack in stacks for resource in _resources(cloudformation, stack)]


def deployed_stacks(cloudformation: CloudFormationClient, stage: str) -> list[str]:
    """Return the names of the stage's stacks that are there, in the order in which they can go."""
    stacks = [stack_name(stage, part) for part in reversed(STACK_PARTS)]
    return [stack for stack in stacks if _template(cloudformation, stack) is not None]


def end_protection(
    cloudformation: CloudFormationClient, stacks: list[str], *, failed_only: bool = False
) -> None:
    """Let these stacks be deleted; those of prod refuse it until then.

    Args:
        failed_only: only those whose creation failed: CDK protects a stack before it makes it, and must
            delete a failed one before it makes it again.
    """
    for stack in stacks:
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        failed = described["StackStatus"] in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
        if described.get("EnableTerminationProtection") and (failed or not failed_only):
            cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=False)


def contents(s3: S3Client, bucket: str) -> Contents | None:
    """Return what a bucket holds; None: there is no such bucket (any more)."""
    versions = (
        s3.get_paginator("list_object_versions").paginate(Bucket=bucket).search("Versions[].Size || `[]`")
    )
    sizes = none_if_refused(("NoSuchBucket", "404"), lambda: list(islice(versions, MOST_LISTED + 1)))
    if sizes is None:
        return None
    return Contents(min(len(sizes), MOST_LISTED), sum(sizes[:MOST_LISTED]), len(sizes) > MOST_LISTED)


def contents_of_buckets(s3: S3Client, resources: list[Resource]) -> dict[str, Contents]:
    """Return what each of these buckets holds, by name; those that are gone are left out."""
    buckets = [resource.id for resource in resources if resource.type == BUCKET]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        held = pool.map(lambda bucket: contents(s3, bucket), buckets)
    return {bucket: inside for bucket, inside in zip(buckets, held, strict=True) if inside is not None}


def _resources(cloudformation: CloudFormationClient, stack: str) -> Iterator[Resource]:
    template = _template(cloudformation, stack)
    if template is None:
        return
    declared = template.get("Resources", {})
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for summary in pages.search("StackResourceSummaries[]"):
        if summary.get("PhysicalResourceId") and summary["ResourceStatus"] not in GONE:
            policy = declared.get(summary["LogicalResourceId"], {}).get("DeletionPolicy")
            yield Resource(stack, summary["PhysicalResourceId"], summary["ResourceType"], policy in STAYING)


def _template(cloudformation: CloudFormationClient, stack: str) -> dict[str, Any] | None:
    """Return a stack's template as it was deployed; None: there is no such stack."""
    answer = if_there(lambda: cloudformation.get_template(StackName=stack))
    return dict(answer["TemplateBody"]) if answer else None
