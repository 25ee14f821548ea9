"""The rehearsal's own requests, beside AWS's: what Spot, a busy S3 and an account's limits do, on request."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from rehearsal.emr.conditions import Conditions
from rehearsal.emr.errors import EmrError
from rehearsal.emr.service import ElasticMapReduce
from rehearsal.emulator.door import read_body, send_answer, send_json
from rehearsal.emulator.lifecycle import Lifecycle
from rehearsal.emulator.permissions.enforcement import Guard
from rehearsal.settings import CONDITIONS_PATH, INTERRUPT_PATH, PERMISSIONS_PATH, SLOW_DOWN_PATH
from spark_job.contract.errors import MisuseError

# A busy S3 answers one request in so many with an error.
ONE_IN = 5
METHODS = ("GET", "PUT")
# Of the signature: `…/20260101/eu-west-3/s3/aws4_request`.
SIGNED_FOR_S3 = b"/s3/aws4_request"
BUSY = 503
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
BUSY_BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)

Asgi = Callable[[Any, Any, Any], Awaitable[None]]
Answer = tuple[int, dict[str, Any]]
Control = Callable[[dict[str, Any]], Awaitable[Answer]]


def with_control(aws: Asgi, service: ElasticMapReduce, guard: Guard, lifecycle: Lifecycle) -> Asgi:
    """Return the application with four paths taken out of AWS's.

    `POST /_rehearsal/interrupt` with `{"cluster": "j-…"}` or `{}` answers `{"instance": "i-…"}`, or status
    409 and `{"message": …}` when there is no task node to take.

    `POST /_rehearsal/slow-down` with `{"seconds": 30}` lets S3 answer one GET or PUT in five with 503
    SlowDown for so long, with 0 it ends; the answer, `{"refused": 12}`, counts those that were.

    `POST /_rehearsal/conditions` with `{"event_copies": 2}` or `{}` sets some of `Conditions` and answers
    all, or status 409 and `{"message": …}`. When `days_ahead` grows, the lifecycle rules of the buckets are
    carried out before it answers.

    `POST /_rehearsal/permissions` with `{}` answers the calls so far, and the statements of all policies that
    are or were there when it was asked.
    """
    busy = SlowDown()

    async def interrupt(request: dict[str, Any]) -> Answer:
        try:
            return 200, {"instance": await asyncio.to_thread(service.interrupt, request.get("cluster"))}
        except EmrError as error:
            return 409, {"message": str(error)}

    async def be_busy(request: dict[str, Any]) -> Answer:
        busy.begin(float(request["seconds"]))
        return 200, {"refused": busy.refused}

    controls: dict[str, Control] = {
        INTERRUPT_PATH: interrupt,
        SLOW_DOWN_PATH: be_busy,
        CONDITIONS_PATH: partial(_change_conditions, service.conditions, lifecycle),
        PERMISSIONS_PATH: guard.tell,
    }

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await aws(scope, receive, send)
        elif control := controls.get(scope["path"]):
            await send_json(send, *await control(json.loads(await read_body(receive) or b"{}")))
        elif busy.refuses(scope["method"], scope["headers"]):
            await read_body(receive)
            await send_answer(send, BUSY, b"application/xml", BUSY_BODY)
        else:
            await aws(scope, receive, send)

    return application


async def _change_conditions(conditions: Conditions, lifecycle: Lifecycle, request: dict[str, Any]) -> Answer:
    before = conditions.days_ahead
    try:
        changed = conditions.change(request)
    except MisuseError as error:
        return 409, {"message": str(error)}
    if conditions.days_ahead > before:
        await asyncio.to_thread(lifecycle.move, before, conditions.days_ahead)
    return 200, changed


class SlowDown:
    """Counts S3's requests, and says which of them it is too busy for.

    Args:
        clock: Seconds, monotonic.

    Attributes:
        refused: How many it was too busy for since it last began.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._until, self._seen = clock, 0.0, 0
        self.refused = 0

    def begin(self, seconds: float) -> None:
        """Be busy for so many seconds from now; 0 ends it and keeps the count."""
        self._until = self._clock() + seconds
        if seconds > 0:
            self._seen = self.refused = 0

    def refuses(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Return whether S3 is too busy for this request; other services never are."""
        if self._clock() >= self._until or method not in METHODS:
            return False
        if not any(name == b"authorization" and SIGNED_FOR_S3 in value for name, value in headers):
            return False
        self._seen += 1
        refused = self._seen % ONE_IN == 0
        self.refused += refused
        return refused
