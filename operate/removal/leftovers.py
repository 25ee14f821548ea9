"""What of a stage still costs money after it was taken away: looked for by tags and names, not by stacks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.contract.names import cost_tags, stack_name
from operate.connection import Connection
from operate.emr.clusters import LIVE, list_clusters
from operate.removal.deployed_resources import BUCKET, Resource, contents

# EMR forgets clusters after two months, and ends none that is older by itself.
DAYS = 62.0


@dataclass(frozen=True)
class Leftover:
    """One thing that is still there and is paid for."""

    kind: str
    id: str
    state: str


@dataclass(frozen=True)
class Search:
    """What was found, and what these credentials may not look at."""

    found: list[Leftover]
    unknown: list[str]


def search(connection: Connection, removed: Iterable[Resource]) -> Search:
    """Look for everything that costs by the hour or by the gigabyte.

    Args:
        connection: of the stage.
        removed: what the stacks held; its buckets that should be gone are looked up by name.
    """
    looks: dict[str, Callable[[], list[Leftover]]] = {
        "clusters": lambda: _clusters(connection),
        "instances": lambda: _instances(connection),
        "NAT gateways": lambda: _nat_gateways(connection),
        "interface endpoints": lambda: _endpoints(connection),
        "elastic IPs": lambda: _addresses(connection),
        "volumes": lambda: _volumes(connection),
        "buckets": lambda: _buckets(connection, removed),
        "alarms": lambda: _alarms(connection),
    }
    found: list[Leftover] = []
    unknown = []
    for kind, look in looks.items():
        try:
            found += look()
        except ClientError as error:
            unknown.append(f"{kind} ({error.operation_name}: {error.response['Error'].get('Code')})")
    return Search(found, unknown)


def _clusters(connection: Connection) -> list[Leftover]:
    prefix = stack_name(connection.stage, "storage").removesuffix("storage")
    clusters = list_clusters(connection.client("emr"), prefix, DAYS)
    return [Leftover("cluster", each.id, each.state) for each in clusters if each.state in LIVE]


def _instances(connection: Connection) -> list[Leftover]:
    pages = connection.client("ec2").get_paginator("describe_instances").paginate(Filters=_tags(connection))
    return [
        Leftover("instance", told["InstanceId"], told["State"]["Name"])
        for page in pages
        for reservation in page["Reservations"]
        for told in reservation["Instances"]
        if told["State"]["Name"] not in ("terminated", "shutting-down")
    ]


def _nat_gateways(connection: Connection) -> list[Leftover]:
    told = connection.client("ec2").describe_nat_gateways(Filters=_tags(connection))["NatGateways"]
    gone = ("deleted", "deleting")
    return [
        Leftover("NAT gateway", each["NatGatewayId"], each["State"])
        for each in told
        if each["State"] not in gone
    ]


def _endpoints(connection: Connection) -> list[Leftover]:
    """Find endpoints that are paid for; gateway endpoints are free."""
    told = connection.client("ec2").describe_vpc_endpoints(Filters=_tags(connection))["VpcEndpoints"]
    return [
        Leftover("interface endpoint", each["VpcEndpointId"], each["State"])
        for each in told
        if each["VpcEndpointType"] != "Gateway" and each["State"].lower() not in ("deleted", "deleting")
    ]


def _addresses(connection: Connection) -> list[Leftover]:
    told = connection.client("ec2").describe_addresses(Filters=_tags(connection))["Addresses"]
    return [Leftover("elastic IP", each["AllocationId"], each.get("PublicIp", "")) for each in told]


def _volumes(connection: Connection) -> list[Leftover]:
    told = connection.client("ec2").describe_volumes(Filters=_tags(connection))["Volumes"]
    return [Leftover("volume", each["VolumeId"], each["State"]) for each in told]


def _buckets(connection: Connection, removed: Iterable[Resource]) -> list[Leftover]:
    s3 = connection.client("s3")
    names = [resource.id for resource in removed if resource.type == BUCKET and not resource.stays]
    held = {name: contents(s3, name) for name in names}
    return [Leftover("bucket", name, found.sentence) for name, found in held.items() if found is not None]


def _alarms(connection: Connection) -> list[Leftover]:
    prefix = stack_name(connection.stage, "pipeline")
    pages = connection.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
    return [
        Leftover("alarm", told["AlarmName"], told["StateValue"])
        for page in pages
        for told in page["MetricAlarms"]
    ]


def _tags(connection: Connection) -> list[dict[str, Any]]:
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in cost_tags(connection.stage).items()]
