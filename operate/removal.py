"""What a destroy takes away and what stays, by the deployed stacks; and what is left, by tags and names."""

from collections.abc import Callable, Iterable, Iterator
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
from operate.emr.clusters import LIVE, REMEMBERED_DAYS, list_clusters
from operate.errors import none_if_refused

# What carries the stage's tags, and where EC2's answers name its id and state (https://jmespath.org).
GONE = "contains(['deleted', 'deleting', 'Deleted', 'Deleting', 'terminated', 'shutting-down'], {})"
LIVE_INSTANCES = f"Reservations[].Instances[?!{GONE.format('State.Name')}][].[InstanceId, State.Name]"
LIVE_GATEWAYS = f"NatGateways[?!{GONE.format('State')}].[NatGatewayId, State]"
# Gateway endpoints are free.
PAID_ENDPOINTS = (
    f"VpcEndpoints[?VpcEndpointType != 'Gateway' && !{GONE.format('State')}].[VpcEndpointId, State]"
)
TAGGED = (
    ("instance", "describe_instances", LIVE_INSTANCES),
    ("NAT gateway", "describe_nat_gateways", LIVE_GATEWAYS),
    ("interface endpoint", "describe_vpc_endpoints", PAID_ENDPOINTS),
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
        if summary.get("PhysicalResourceId") and summary["ResourceStatus"] not in DELETED:
            policy = declared.get(summary["LogicalResourceId"], {}).get("DeletionPolicy")
            yield Resource(stack, summary["PhysicalResourceId"], summary["ResourceType"], policy in STAYING)


def _template(cloudformation: CloudFormationClient, stack: str) -> dict[str, Any] | None:
    """Return a stack's template as it was deployed; None: there is no such stack."""
    answer = if_there(lambda: cloudformation.get_template(StackName=stack))
    return dict(answer["TemplateBody"]) if answer else None


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
    """Look for everything that costs by the hour or by the gigabyte.

    Args:
        removed: what the stacks held; its buckets that should be gone are looked up by name.
    """
    looks: dict[str, Callable[[], Iterator[Leftover]]] = {
        "clusters": lambda: _clusters(connection),
        **{f"{kind}s": partial(_tagged, connection, kind, *found) for kind, *found in TAGGED},
        "elastic IPs": lambda: _addresses(connection),
        "buckets": lambda: _buckets(connection, removed),
        "alarms": lambda: _alarms(connection),
    }
    leftovers: list[Leftover] = []
    unknown = []
    for kind, look in looks.items():
        try:
            leftovers += look()
        except ClientError as error:
            unknown.append(f"{kind} ({error.operation_name}: {error.response['Error'].get('Code')})")
    return Search(leftovers, unknown)


def _clusters(connection: Connection) -> Iterator[Leftover]:
    prefix = run_name_prefix(connection.stage)
    for cluster in list_clusters(connection.client("emr"), prefix, REMEMBERED_DAYS):
        if cluster.state in LIVE:
            yield Leftover("cluster", cluster.id, cluster.state)


def _tagged(connection: Connection, kind: str, operation: str, found: str) -> Iterator[Leftover]:
    pages = connection.client("ec2").get_paginator(operation).paginate(Filters=_tags(connection))
    return (Leftover(kind, name, state) for name, state in pages.search(found))


def _addresses(connection: Connection) -> Iterator[Leftover]:
    addresses = connection.client("ec2").describe_addresses(Filters=_tags(connection))["Addresses"]
    return (Leftover("elastic IP", one["AllocationId"], one.get("PublicIp", "")) for one in addresses)


def _buckets(connection: Connection, removed: Iterable[Resource]) -> Iterator[Leftover]:
    for resource in removed:
        if resource.type == BUCKET and not resource.stays:
            inside = contents(connection.client("s3"), resource.id)
            if inside is not None:
                yield Leftover("bucket", resource.id, inside.sentence)


def _alarms(connection: Connection) -> Iterator[Leftover]:
    pages = connection.client("cloudwatch").get_paginator("describe_alarms")
    alarms = pages.paginate(AlarmNamePrefix=stack_name(connection.stage, "pipeline")).search("MetricAlarms[]")
    return (Leftover("alarm", alarm["AlarmName"], alarm["StateValue"]) for alarm in alarms)


def _tags(connection: Connection) -> list[dict[str, Any]]:
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in cost_tags(connection.stage).items()]
