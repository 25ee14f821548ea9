"""The rehearsal's own requests, beside AWS's: what Spot and an account's limits do, on request."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from rehearsal.emr.errors import EmrError
from rehearsal.emr.service import ElasticMapReduce
from rehearsal.emulator.door import Asgi, read_body, send_json
from rehearsal.emulator.lifecycle import Lifecycle
from rehearsal.emulator.permissions.enforcement import Guard
from rehearsal.settings import CONDITIONS_PATH, INTERRUPT_PATH, PERMISSIONS_PATH
from spark_job.contract.errors import MisuseError

Control = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


def with_control(aws: Asgi, service: ElasticMapReduce, guard: Guard, lifecycle: Lifecycle) -> Asgi:
    """Return the application with three paths taken out of AWS's; a refusal is status 409, `{"message": …}`.

    `POST /_rehearsal/interrupt` with `{"cluster": "j-…"}` or `{}` answers `{"instance": "i-…"}`, or refuses
    when there is no task node to take.

    `POST /_rehearsal/conditions` with `{"event_copies": 2}` or `{}` sets some of `Conditions` and answers
    all. When `days_ahead` grows, the lifecycle rules of the buckets are carried out before it answers.

    `POST /_rehearsal/permissions` with `{}` answers the calls so far, and the statements of all policies that
    are or were there when it was asked.
    """

    async def interrupt(request: dict[str, Any]) -> dict[str, Any]:
        return {"instance": await asyncio.to_thread(service.interrupt, request.get("cluster"))}

    async def change_conditions(request: dict[str, Any]) -> dict[str, Any]:
        conditions = service.conditions
        before = conditions.days_ahead
        changed = conditions.change(request)
        if conditions.days_ahead > before:
            await asyncio.to_thread(lifecycle.move, before, conditions.days_ahead)
        return changed

    async def tell_permissions(_request: dict[str, Any]) -> dict[str, Any]:
        return guard.told()

    controls: dict[str, Control] = {
        INTERRUPT_PATH: interrupt,
        CONDITIONS_PATH: change_conditions,
        PERMISSIONS_PATH: tell_permissions,
    }

    async def application(scope: Any, receive: Any, send: Any) -> None:
        control = controls.get(scope["path"]) if scope["type"] == "http" else None
        if control is None:
            await aws(scope, receive, send)
            return
        try:
            status, answer = 200, await control(json.loads(await read_body(receive) or b"{}"))
        except (EmrError, MisuseError) as error:
            status, answer = 409, {"message": str(error)}
        await send_json(send, status, answer)

    return application
