"""How many images tasks have done: each sends the driver all its counts in one datagram a second."""

import json
import secrets
import socket
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from hmac import compare_digest
from threading import Thread
from typing import Any

SECONDS_BETWEEN = 1.0
MOST_REASONS = 3
MOST_LETTERS = 200  # of a reason
COUNTED = ("done", "rejected", "kept")
MOST_BYTES = 8_192  # of a datagram


@dataclass(frozen=True)
class Channel:
    """The way from the tasks to their driver; goes to the workers. Without a port it leads nowhere."""

    host: str = ""
    port: int = 0
    token: str = ""


class ShareCount:
    """Counts the images of a share and tells the driver; what cannot be told is no failure of the task."""

    def __init__(self, channel: Channel, share: int) -> None:
        self._channel, self._share = channel, share
        self._done, self._rejected, self._reasons, self._kept = 0, 0, Counter[str](), False
        self._next = time.monotonic() + SECONDS_BETWEEN
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM) if channel.port else None

    def image(self, error: str | None) -> None:
        """Count one image, and why it cannot be used, if it cannot."""
        self._done += 1
        if error is not None:
            self._rejected += 1
            self._reasons[error[:MOST_LETTERS]] += 1
        if time.monotonic() >= self._next:
            self._tell()

    def whole(self, done: int, rejected: int, kept: bool = False) -> None:
        """Tell the counts of a share that is finished, and whether an earlier attempt did it."""
        self._done, self._rejected, self._kept = done, rejected, kept
        self._tell()
        if self._socket:
            self._socket.close()

    def _tell(self) -> None:
        self._next = time.monotonic() + SECONDS_BETWEEN
        told = {
            "token": self._channel.token,
            "share": self._share,
            "done": self._done,
            "rejected": self._rejected,
            "kept": self._done if self._kept else 0,
            "reasons": dict(self._reasons.most_common(MOST_REASONS)),
        }
        with suppress(OSError):
            if self._socket:
                self._socket.sendto(json.dumps(told).encode(), (self._channel.host, self._channel.port))


class Counts:
    """What the tasks have told, in the driver. Datagrams without the run's token are ignored."""

    def __init__(self, host: str) -> None:
        """Listen on a free port of an address of this machine; where that is refused nothing is counted."""
        self._shares: dict[int, dict[str, Any]] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.channel = Channel()
        with suppress(OSError):
            self._socket.settimeout(SECONDS_BETWEEN)  # a call that waits does not see that it is closed
            self._socket.bind((host, 0))
            self.channel = Channel(host, self._socket.getsockname()[1], secrets.token_hex(16))
            Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def total(self, name: str) -> int:
        """Return images: `done`, and of them `rejected`, and `kept` from an earlier attempt."""
        return sum(share[name] for share in list(self._shares.values()))

    def reason(self) -> str | None:
        reasons = sum((Counter(share["reasons"]) for share in list(self._shares.values())), Counter[str]())
        return reasons.most_common(1)[0][0] if reasons else None

    def _listen(self) -> None:
        while True:
            try:
                self.take(self._socket.recv(MOST_BYTES))
            except TimeoutError:
                continue
            except OSError:  # closed
                return

    def take(self, content: bytes) -> None:
        """Take what a datagram says, if it is one of this run."""
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            told = json.loads(content)
            if compare_digest(str(told["token"]).encode(), self.channel.token.encode()):
                reasons = {str(reason): int(count) for reason, count in told["reasons"].items()}
                counts = {name: int(told[name]) for name in COUNTED}
                self._shares[int(told["share"])] = {**counts, "reasons": reasons}
