"""An S3 that is too busy for a while, in the server's process: what only tests ask of an emulated AWS."""

import json
import sys
import time
from typing import Any

from rehearsal.emulator.door import read_body, send_answer
from rehearsal.settings import OWN_PATHS

# `POST` with `{"seconds": 30}` lets S3 answer one GET or PUT in five with 503 SlowDown for so long, with 0 it
# ends; the answer, `{"refused": 12}`, counts those that were.
SLOW_DOWN_PATH = f"{OWN_PATHS}slow-down"
ONE_IN = 5
METHODS = ("GET", "PUT")
# Of the signature: `…/20260101/eu-west-3/s3/aws4_request`.
SIGNED_FOR_S3 = b"/s3/aws4_request"
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
BUSY_BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)


def install():
    """Put it before MiniStack; called in the server's process, whose main module is the gateway."""
    gateway: Any = sys.modules["__main__"]
    gateway.app = with_busy_s3(gateway.app)


def with_busy_s3(aws):
    """The application with one path taken out of AWS's."""
    busy = SlowDown()

    async def application(scope, receive, send):
        if scope["type"] == "http" and scope["path"] == SLOW_DOWN_PATH:
            busy.begin(float(json.loads(await read_body(receive))["seconds"]))
            told = json.dumps({"refused": busy.refused}).encode()
            await send_answer(send, 200, b"application/json", told)
        elif scope["type"] == "http" and busy.refuses(scope["method"], scope["headers"]):
            await read_body(receive)
            await send_answer(send, 503, b"application/xml", BUSY_BODY)
        else:
            await aws(scope, receive, send)

    return application


class SlowDown:
    """Counts S3's requests, and says which of them it is too busy for.

    Attributes:
        refused: How many it was too busy for since it last began.
    """

    def __init__(self, clock=time.monotonic):
        self._clock, self._until, self._seen = clock, 0.0, 0
        self.refused = 0

    def begin(self, seconds):
        """Be busy for so many seconds from now; 0 ends it and keeps the count."""
        self._until = self._clock() + seconds
        if seconds > 0:
            self._seen = self.refused = 0

    def refuses(self, method, headers):
        """Whether S3 is too busy for this request; other services never are."""
        if self._clock() >= self._until or method not in METHODS:
            return False
        if not any(name == b"authorization" and SIGNED_FOR_S3 in value for name, value in headers):
            return False
        self._seen += 1
        refused = self._seen % ONE_IN == 0
        self.refused += refused
        return refused
