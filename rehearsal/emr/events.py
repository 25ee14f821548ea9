"""What EMR tells EventBridge: events and the thread that delivers them in order."""

import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """One event of source `aws.emr`.

    Attributes:
        detail_type: Such as `EMR Step Status Change`.
        detail: As https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-emr.html shows it.
    """

    detail_type: str
    detail: Mapping[str, str]
    account: str
    region: str


class Dispatcher:
    """Hands events over in a thread of its own: a slow receiver holds up no cluster."""

    def __init__(self, receive: Callable[[Event], None]) -> None:
        self._receive = receive
        self._events: queue.Queue[Event | None] = queue.Queue()
        self._thread = threading.Thread(target=self._deliver, daemon=True, name="emr-events")
        self._thread.start()

    def put(self, event: Event) -> None:
        """Deliver it soon, after those before it."""
        self._events.put(event)

    def close(self, timeout: float) -> None:
        """Deliver what is left, waiting for `timeout` seconds at most."""
        self._events.put(None)
        self._thread.join(timeout)

    def _deliver(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                self._receive(event)
            except Exception:
                # The receiver's fault must not end the delivery of the others.
                logger.exception("event %s was not taken", event.detail_type)


def state_change_reason(code: str, message: str) -> str:
    """The reason as the events carry it: JSON in a string."""
    return json.dumps({"code": code, "message": message} if code or message else {"code": ""})


def moment(seconds: float) -> str:
    """A time as EMR's messages tell it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
