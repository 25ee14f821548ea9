"""Amazon EMR in the place of MiniStack's own, which runs nothing."""

from collections.abc import Mapping
from typing import Any

from ministack import app
from ministack.core.concurrency import run_reentrant
from ministack.core.responses import get_account_id, get_region

from rehearsal.emr.errors import EmrError
from rehearsal.emr.service import ElasticMapReduce
from rehearsal.emulator.services.json_protocol import (
    Handler,
    Response,
    ServiceError,
    answered,
    operation,
    parsed,
    refused,
)


def install(service: ElasticMapReduce) -> None:
    """Let the service answer."""
    app.SERVICE_HANDLERS["elasticmapreduce"] = _handler(service)


def _handler(service: ElasticMapReduce) -> Handler:
    def respond(name: str, body: bytes) -> Response:
        try:
            answer = service.handle(name, parsed(body), account=get_account_id(), region=get_region())
        except (EmrError, ServiceError) as error:
            return refused(error.code, error.message, error.status)
        return answered(answer)

    async def handle(
        _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: Any
    ) -> Response:
        # A thread of its own, with this request's account and region: EMR waits for its clusters at times.
        response: Response = await run_reentrant(respond, operation(headers), body)
        return response

    return handle
