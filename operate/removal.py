"""What a destroy takes away and what stays, by the deployed stacks; and what is left, by tags and names."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from infra.contract.aws_clients import CloudFormationClient, S3Client
from infra.contract.names import STACK_PARTS, cost_tags, run_name_prefix, stack_name
from operate.connection import Connection
from operate.deployment import if_there
from operate.emr.clusters import list_clusters
from operate.errors import none_if_refused

# What carries the stage's tags, and where EC2's answers name its id and state (https://jmespath.org).
GONE = "contains(['deleted', 'deleting', 'Deleted', 'Deleting', 'terminated', 'shutting-down'], {})"
LIVE_INSTANCES = f"Reservations[].Instances[?!{GONE.format('State.Name')}][].[InstanceId, State.Name]"
LIVE_GATEWAYS = f"NatGateways[?!{GONE.format('State')}].[NatGatewayId, State]"
# Gateway endpoints are free.
ENDPOINTS = f"VpcEndpoints[?VpcEndpointType != 'Gateway' && !{GONE.format('State')}].[VpcEndpointId, State]"
TAGGED = (
    ("instance", "describe_instances", LIVE_INSTANCES),
    ("NAT gateway", "describe_nat_gateways", LIVE_GATEWAYS),
    ("interface endpoint", "describe_vpc_endpoints", ENDPOINTS),
    ("volume", "describe_volumes", "Volumes[].[VolumeId, State]"),
)
BUCKET = "AWS::S3::Bucket"
DELETED = ("DELETE_COMPLETE", "DELETE_SKIPPED")
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
    resources = []
    for stack, template in _templates(cloudformation, stage).items():
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        for one in pages.search("StackResourceSummaries[]"):
            if one.get("PhysicalResourceId") and one["ResourceStatus"] not in DELETED:
                declared = template.get("Resources", {}).get(one["LogicalResourceId"], {})
                stays = declared.get("DeletionPolicy") in STAYING
                resources.append(Resource(stack, one["PhysicalResourceId"], one["ResourceType"], stays))
    return resources


def deployed_stacks(cloudformation: CloudFormationClient, stage: str) -> list[str]:
    """Return the names of the stage's stacks that are there, in the order in which they can go."""
    return list(_templates(cloudformation, stage))


def _templates(cloudformation: CloudFormationClient, stage: str) -> dict[str, Any]:
    """Return the templates of the stage's stacks that are there, as deployed; the last one first."""
    templates = {}
    for name in [stack_name(stage, part) for part in reversed(STACK_PARTS)]:
        if answer := if_there(partial(cloudformation.get_template, StackName=name)):
            templates[name] = answer["TemplateBody"]
    return templates


def end_protection(
    cloudformation: CloudFormationClient, stacks: list[str], *, failed_only: bool = False
) -> None:
    """Let these stacks be deleted, or those alone whose creation failed; those of prod refuse it until then.

    CDK protects a stack before it makes it, and must delete a failed one before it makes it again.
    """
    for stack in stacks:
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        failed = described["StackStatus"] in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
        if described.get("EnableTerminationProtection") and (failed or not failed_only):
            cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=False)


def contents(s3: S3Client, bucket: str) -> Contents | None:
    """Return what a bucket holds; None: there is no such bucket (any more)."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    versions = pages.search("Versions[].Size || `[]`")
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


Found = Iterable[tuple[str, str]]  # ids and states


@dataclass(frozen=True)
class Leftover:
    """One thing that is still there and is paid for."""

    kind: str
    id: str
    state: str


@dataclass(frozen=True)
class Search:
    """What is left, and what these credentials may not look at."""

    leftovers: list[Leftover]
    unknown: list[str]


def search(connection: Connection, removed: Iterable[Resource]) -> Search:
    """Look for what costs by the hour or the gigabyte; buckets of `removed` that should be gone, by name."""
    client, stage = connection.client, connection.stage
    tags = [{"Name": f"tag:{key}", "Values": [value]} for key, value in cost_tags(stage).items()]

    def clusters() -> Found:
        found = list_clusters(client("emr"), run_name_prefix(stage))
        return ((cluster.id, cluster.state) for cluster in found if cluster.live)

    def tagged(operation: str, query: str) -> Found:
        pages = client("ec2").get_paginator(operation).paginate(Filters=tags)
        return ((name, state) for name, state in pages.search(query))

    def addresses() -> Found:
        found = client("ec2").describe_addresses(Filters=tags)["Addresses"]
        return ((one["AllocationId"], one.get("PublicIp", "")) for one in found)

    def buckets() -> Found:
        held = contents_of_buckets(client("s3"), [one for one in removed if not one.stays])
        return ((name, inside.sentence) for name, inside in held.items())

    def alarms() -> Found:
        pages = client("cloudwatch").get_paginator("describe_alarms")
        named = pages.paginate(AlarmNamePrefix=stack_name(stage, "pipeline"))
        return ((name, state) for name, state in named.search("MetricAlarms[].[AlarmName, StateValue]"))

    looks: list[tuple[str, Callable[[], Found]]] = [
        ("cluster", clusters),
        *((kind, partial(tagged, operation, query)) for kind, operation, query in TAGGED),
        ("elastic IP", addresses),
        ("bucket", buckets),
        ("alarm", alarms),
    ]
    leftovers: list[Leftover] = []
    unknown = []
    for kind, look in looks:
        try:
            for name, state in look():
                leftovers.append(Leftover(kind, name, state))
        except ClientError as error:
            unknown.append(f"{kind}s ({error.operation_name}: {error.response['Error'].get('Code')})")
    return Search(leftovers, unknown)
