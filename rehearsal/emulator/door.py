"""Who may speak to the rehearsal's AWS: programs that hold the keys of this start, and no web page.

Whoever gets in can make a function and run it as the person who started the rehearsal. Any web page that this
person looks at, and any other user of the machine, can reach a port of the loopback interface.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator, router
from ministack.services import sts

from rehearsal.emulator.permissions.enforcement import Guard, note_probe
from rehearsal.emulator.services import completions
from rehearsal.settings import LOOPBACK, OWN_PATHS, Keys, Settings

Asgi = Callable[[Any, Any, Any], Awaitable[None]]
Answer = tuple[int, bytes, bytes]  # status, content type, body
# Takes an ASGI server's scope and its receiver, and answers an HTTP request, or leaves it.
Front = Callable[[Any, Any], Awaitable[Answer | None]]
# MiniStack's own paths that functions call without a signature: the rest of the path is a secret token.
CALLBACKS = ("/_ministack/cfn-response/", "/_ministack/cfn-signal/")


async def send_answer(send: Any, status: int, content_type: bytes, body: bytes) -> None:
    """Answer a request."""
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def behind(fronts: Sequence[Front], aws: Asgi) -> Asgi:
    """Return the application whose requests are AWS's, unless one of these answers them, the first first."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        for front in fronts if scope["type"] == "http" else ():
            if answer := await front(scope, receive):
                await send_answer(send, *answer)
                return
        await aws(scope, receive, send)

    return application


def door(settings: Settings, guard: Guard) -> Front:
    """Return what answers requests that may not enter: status 403, in the protocol of the service.

    https://smithy.io/2.0/aws/protocols/index.html
    """
    keys, hosts = settings.keys, (f"{LOOPBACK}:{settings.port}", f"localhost:{settings.port}")

    async def answer(scope: Any, receive: Any) -> Answer | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        note_probe(headers)
        reason = refusal(scope, headers, keys, hosts, guard.root)
        if reason is None:
            return None
        await read_body(receive)
        content_type = b"text/xml"
        if "x-amz-target" in headers or "json" in headers.get("content-type", ""):
            content_type = b"application/json"
            body = json.dumps({"__type": "AccessDeniedException", "message": reason})
        else:
            body = f"<Error><Code>AccessDenied</Code><Message>{escape(reason)}</Message></Error>"
            if "/s3/aws4_request" not in headers.get("authorization", ""):
                body = f"<ErrorResponse>{body}</ErrorResponse>"
        return 403, content_type, b"" if scope["method"] == "HEAD" else body.encode()

    return answer


def refusal(
    scope: Any, headers: Mapping[str, str], keys: Keys, hosts: tuple[str, ...], root: str
) -> str | None:
    """Return why a request may not enter, None when it may.

    Args:
        headers: By lower-case name.
        hosts: The values of `Host` that are ours: a page of another name that leads here has another one.
        root: The key of the server itself.
    """
    path = scope["path"]
    if "origin" in headers:
        return "requests of web pages are refused"
    if headers.get("host") not in hosts:
        return f"Host must be {' or '.join(hosts)}"
    if path.startswith(OWN_PATHS):
        expected = f"Bearer {keys.secret_access_key}"
        known = hmac.compare_digest(headers.get("authorization", "").encode(), expected.encode())
        return None if known else "the secret key of this start is needed: source the rehearsal's environment"
    if path.startswith("/_"):
        if scope["method"] != "PUT" or not path.startswith(CALLBACKS):
            return f"{path} is closed"
        return "Request has expired" if completions.has_expired(path) else None
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    access_key_id = router.extract_access_key_id(dict(headers), query)
    # Roles that have been assumed have keys of their own. Whether a key is used rightly is checked later.
    known = access_key_id in (keys.access_key_id, root) or access_key_id in sts._sessions
    if not known and not iam_evaluator.find_iam_access_key_account(access_key_id):
        return "the keys of this start are needed: source the rehearsal's environment"
    return None


async def read_body(receive: Any) -> bytes:
    """Return the whole body of a request."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
