"""AWS's JSON protocol, version 1.1: what MiniStack's table of services holds for such a service.

Source: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.concurrency import run_reentrant

from rehearsal.emr.errors import EmrError

# Status, headers, body.
Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, Mapping[str, str], bytes, Any], Awaitable[Response]]
CONTENT_TYPE = "application/x-amz-json-1.1"


def json_service(answer: Callable[[str, dict[str, Any]], Mapping[str, Any]]) -> Handler:
    """Return the handler of a service.

    Args:
        answer: Takes an operation's name and its request; may raise EmrError. It runs on a
            thread of its own, with the account and region of the request, and may block.
    """

    def respond(operation: str, body: bytes) -> Response:
        headers = {"Content-Type": CONTENT_TYPE}
        try:
            try:
                request = json.loads(body or b"{}")
            except ValueError as error:
                raise EmrError("SerializationException", str(error)) from error
            if not isinstance(request, dict):
                raise EmrError("SerializationException", "the request is no JSON object")
            status, told = 200, answer(operation, request)
        except EmrError as error:
            # SDKs read the code from the body or from the header.
            status, told, headers["x-amzn-ErrorType"] = error.status, error.body, error.code
        return status, headers, json.dumps(told).encode()

    async def handle(
        _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: Any
    ) -> Response:
        # The operation's name is what follows the dot in X-Amz-Target.
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        response: Response = await run_reentrant(respond, operation, body)
        return response

    return handle
