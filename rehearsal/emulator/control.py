"""The rehearsal's own requests, beside AWS's: what Spot does, done on request."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from rehearsal.emr.errors import EmrError
from rehearsal.emr.service import ElasticMapReduce

INTERRUPT_PATH = "/_rehearsal/interrupt"

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def with_control(aws: Asgi, service: ElasticMapReduce) -> Asgi:
    """The application, with `POST /_rehearsal/interrupt` taken out of AWS's paths.

    Its body is `{"cluster": "j-…"}` or `{}`; the answer is `{"instance": "i-…"}`, or status 409 and
    `{"message": …}` when there is no task node to take.
    """

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != INTERRUPT_PATH:
            await aws(scope, receive, send)
            return
        body = await _body(receive)
        cluster = json.loads(body or b"{}").get("cluster")
        try:
            instance = await asyncio.to_thread(service.interrupt, cluster)
        except EmrError as error:
            await _answer(send, 409, {"message": str(error)})
            return
        await _answer(send, 200, {"instance": instance})

    return application


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(send: Any, status: int, value: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(value).encode()})
