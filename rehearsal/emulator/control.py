"""The rehearsal's own requests, beside AWS's: what Spot, a busy S3 and an account's limits do, on request."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from rehearsal.emr.errors import EmrError
from rehearsal.emr.service import ElasticMapReduce
from rehearsal.emulator import slow_down
from rehearsal.emulator.answers import read_body, send_answer, send_json
from rehearsal.emulator.slow_down import SlowDown
from rehearsal.errors import MisuseError

INTERRUPT_PATH = "/_rehearsal/interrupt"
SLOW_DOWN_PATH = "/_rehearsal/slow-down"
CONDITIONS_PATH = "/_rehearsal/conditions"

Asgi = Callable[[Any, Any, Any], Awaitable[None]]
Answer = tuple[int, dict[str, Any]]


def with_control(aws: Asgi, service: ElasticMapReduce) -> Asgi:
    """Return the application with three paths taken out of AWS's.

    `POST /_rehearsal/interrupt` with `{"cluster": "j-…"}` or `{}` answers `{"instance": "i-…"}`, or status
    409 and `{"message": …}` when there is no task node to take.

    `POST /_rehearsal/slow-down` with `{"seconds": 30}` lets S3 answer one GET or PUT in five with 503
    SlowDown for so long, with 0 it ends; the answer, `{"refused": 12}`, counts those that were.

    `POST /_rehearsal/conditions` with `{"event_copies": 2}` or `{}` sets some of `Conditions` and answers
    all, or status 409 and `{"message": …}`.
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

    async def change_conditions(request: dict[str, Any]) -> Answer:
        try:
            return 200, service.conditions.change(request)
        except MisuseError as error:
            return 409, {"message": str(error)}

    controls = {INTERRUPT_PATH: interrupt, SLOW_DOWN_PATH: be_busy, CONDITIONS_PATH: change_conditions}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await aws(scope, receive, send)
        elif control := controls.get(scope["path"]):
            status, value = await control(json.loads(await read_body(receive) or b"{}"))
            await send_json(send, status, value)
        elif busy.refuses(scope["method"], scope["headers"]):
            await read_body(receive)
            await send_answer(send, slow_down.STATUS, b"application/xml", slow_down.BODY)
        else:
            await aws(scope, receive, send)

    return application
