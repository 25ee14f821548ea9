"""Reading and answering requests without MiniStack: what the application of the server does itself."""

import json
from typing import Any


async def read_body(receive: Any) -> bytes:
    """Return the whole body of a request."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def send_answer(send: Any, status: int, content_type: bytes, body: bytes) -> None:
    """Answer a request."""
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_json(send: Any, status: int, value: dict[str, Any]) -> None:
    """Answer a request with an object; an empty one is no body at all."""
    await send_answer(send, status, b"application/json", json.dumps(value).encode() if value else b"")
