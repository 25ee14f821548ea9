"""What of a stage still costs money after it was taken away: looked for by tags and names, not by stacks."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from infra.contract.names import cost_tags, run_name_prefix, stack_name
from operate.connection import Connection
from operate.emr.clusters import LIVE, REMEMBERED_DAYS, list_clusters
from operate.removal.deployed_resources import BUCKET, Resource, contents

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
