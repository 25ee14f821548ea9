"""AWS's JSON protocol, version 1.1: what a handler in MiniStack's table takes and gives."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

# Status, headers, body.
Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, Mapping[str, str], bytes, Any], Awaitable[Response]]

CONTENT_TYPE = "application/x-amz-json-1.1"


class ServiceError(Exception):
    """An operation is refused; code and message are those of the API."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def operation(headers: Mapping[str, str]) -> str:
    """The operation's name: what follows the dot in X-Amz-Target."""
    return headers.get("x-amz-target", "").rpartition(".")[2]


def parsed(body: bytes) -> dict[str, Any]:
    """The request.

    Raises:
        ServiceError: it is no JSON object.
    """
    try:
        request = json.loads(body or b"{}")
    except ValueError as error:
        raise ServiceError("SerializationException", str(error)) from error
    if not isinstance(request, dict):
        raise ServiceError("SerializationException", "the request is no JSON object")
    return request


def answered(value: Mapping[str, Any]) -> Response:
    """A result."""
    return 200, {"Content-Type": CONTENT_TYPE}, json.dumps(value).encode()


def refused(code: str, message: str, status: int = 400) -> Response:
    """An error, in the body and in the header, as SDKs read either."""
    body = json.dumps({"__type": code, "message": message}).encode()
    return status, {"Content-Type": CONTENT_TYPE, "x-amzn-ErrorType": code}, body
