"""Calls that must be refused, for each Deny of the stacks: over plain HTTP, by old TLS, for a private key."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from infra.contract.prefixes import TRANSIT
from operate.connection import Connection
from operate.removal import BUCKET, Resource
from rehearsal.errors import RehearsalError
from rehearsal.settings import AS_IT_IS, OLD_TLS, PLAIN, PROBE_HEADER

TOPIC = "AWS::SNS::Topic"
REFUSALS = ("AccessDenied", "AuthorizationError")


def probe(connection: Connection, resources: Sequence[Resource]) -> int:
    """Make the calls as the connection's person, and count them. Raises RehearsalError: one was allowed."""
    calls: list[tuple[str, str, str, dict[str, str]]] = []
    for resource in resources:
        if resource.type == BUCKET:
            policy = {"Bucket": resource.id}
            # With TLS of today the reviewer may.
            connection.session.client("s3", region_name=connection.region).get_bucket_policy(**policy)
            calls += [("s3", way, "get_bucket_policy", policy) for way in (PLAIN, OLD_TLS)]
            calls.append(("s3", AS_IT_IS, "get_object", {**policy, "Key": f"{TRANSIT}/probe"}))
        if resource.type == TOPIC:
            calls.append(("sns", PLAIN, "publish", {"TopicArn": resource.id, "Message": "probe"}))
    for service, way, operation, request in calls:
        client = connection.session.client(service, region_name=connection.region)
        client.meta.events.register("before-send", partial(_say, way))
        try:
            getattr(client, operation)(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSALS:
                raise
            continue
        raise RehearsalError(f"{service} did not refuse a call over {way} that a policy denies")
    return len(calls)


def _say(way: str, request: Any, **_: object) -> None:
    request.headers[PROBE_HEADER] = way
