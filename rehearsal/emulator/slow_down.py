"""S3 that is too busy for a while: one request in five is answered as S3 does then."""

import time
from collections.abc import Callable, Iterable

ONE_IN = 5
METHODS = ("GET", "PUT")
# Of the signature: `…/20260101/eu-west-3/s3/aws4_request`.
SIGNED_FOR_S3 = b"/s3/aws4_request"
STATUS = 503
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)


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
        if self._clock() >= self._until or method not in METHODS or not _is_for_s3(headers):
            return False
        self._seen += 1
        refused = self._seen % ONE_IN == 0
        self.refused += refused
        return refused


def _is_for_s3(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"authorization" and SIGNED_FOR_S3 in value for name, value in headers)
