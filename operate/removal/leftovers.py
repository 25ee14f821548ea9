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
    """What is left, and what these credentials may not look at."""

    leftovers: list[Leftover]
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
    leftovers: list[Leftover] = []
    unknown = []
    for kind, look in looks.items():
        try:
            leftovers += look()
        except ClientError as error:
            unknown.append(f"{kind} ({error.operation_name}: {error.response['Error'].get('Code')})")
    return Search(leftovers, unknown)


def _clusters(connection: Connection) -> list[Leftover]:
    prefix = stack_name(connection.stage, "storage").removesuffix("storage")
    clusters = list_clusters(connection.client("emr"), prefix, DAYS)
    return [Leftover("cluster", cluster.id, cluster.state) for cluster in clusters if cluster.state in LIVE]


def _instances(connection: Connection) -> list[Leftover]:
    pages = connection.client("ec2").get_paginator("describe_instances").paginate(Filters=_tags(connection))
    return [
        Leftover("instance", instance["InstanceId"], instance["State"]["Name"])
        for page in pages
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
        if instance["State"]["Name"] not in ("terminated", "shutting-down")
    ]


def _nat_gateways(connection: Connection) -> list[Leftover]:
    gateways = connection.client("ec2").describe_nat_gateways(Filters=_tags(connection))["NatGateways"]
    gone = ("deleted", "deleting")
    return [
        Leftover("NAT gateway", gateway["NatGatewayId"], gateway["State"])
        for gateway in gateways
        if gateway["State"] not in gone
    ]


def _endpoints(connection: Connection) -> list[Leftover]:
    """Find endpoints that are paid for; gateway endpoints are free."""
    endpoints = connection.client("ec2").describe_vpc_endpoints(Filters=_tags(connection))["VpcEndpoints"]
    return [
        Leftover("interface endpoint", endpoint["VpcEndpointId"], endpoint["State"])
        for endpoint in endpoints
        if endpoint["VpcEndpointType"] != "Gateway"
        and endpoint["State"].lower() not in ("deleted", "deleting")
    ]


def _addresses(connection: Connection) -> list[Leftover]:
    addresses = connection.client("ec2").describe_addresses(Filters=_tags(connection))["Addresses"]
    return [Leftover("elastic IP", one["AllocationId"], one.get("PublicIp", "")) for one in addresses]


def _volumes(connection: Connection) -> list[Leftover]:
    volumes = connection.client("ec2").describe_volumes(Filters=_tags(connection))["Volumes"]
    return [Leftover("volume", volume["VolumeId"], volume["State"]) for volume in volumes]


def _buckets(connection: Connection, removed: Iterable[Resource]) -> list[Leftover]:
    s3 = connection.client("s3")
    names = [resource.id for resource in removed if resource.type == BUCKET and not resource.stays]
    held = {name: contents(s3, name) for name in names}
    return [Leftover("bucket", name, inside.sentence) for name, inside in held.items() if inside is not None]


def _alarms(connection: Connection) -> list[Leftover]:
    prefix = stack_name(connection.stage, "pipeline")
    pages = connection.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
    return [
        Leftover("alarm", alarm["AlarmName"], alarm["StateValue"])
        for page in pages
        for alarm in page["MetricAlarms"]
    ]


def _tags(connection: Connection) -> list[dict[str, Any]]:
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in cost_tags(connection.stage).items()]
