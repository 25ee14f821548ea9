"""What EMR tells EventBridge: the events of a cluster, and the thread that delivers them in order.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-cloudwatch-events.html
"""

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from rehearsal.emr.cluster import Cluster, Subject
from rehearsal.emr.conditions import CLOCK, Conditions
from rehearsal.emr.parts import Step

logger = logging.getLogger(__name__)
CLUSTER_MESSAGES = {
    "STARTING": "was requested",
    "BOOTSTRAPPING": "began running bootstrap actions",
    "RUNNING": "began running steps",
    "WAITING": "was created and is ready for use",
    "TERMINATING": "began terminating",
    "TERMINATED": "has terminated",
    "TERMINATED_WITH_ERRORS": "has terminated with errors",
}
STEP_MESSAGES = {
    "PENDING": "was added to",
    "RUNNING": "started running in",
    "COMPLETED": "completed execution in",
    "FAILED": "failed in",
    "CANCELLED": "was cancelled in",
    "CANCEL_PENDING": "is being cancelled in",
    "INTERRUPTED": "was interrupted in",
}


@dataclass(frozen=True)
class Event:
    """One event of source `aws.emr`."""

    detail_type: str  # such as `EMR Step Status Change`
    # As https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-emr.html has it.
    detail: Mapping[str, str]
    account: str
    region: str


class Dispatcher:
    """Hands events over in a thread of its own, as late and as often as the conditions say."""

    def __init__(self, receive: Callable[[Event], None], conditions: Conditions) -> None:
        self._receive, self._conditions = receive, conditions
        self._closing = threading.Event()
        self._events: queue.Queue[tuple[float, int, Event] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._deliver, daemon=True, name="emr-events")
        self._thread.start()

    def announce(self, cluster: Cluster, subject: Subject) -> None:
        """Queue the event that the cluster or a step of it has entered its state."""
        due = time.monotonic() + self._conditions.events_late
        self._events.put((due, self._conditions.event_copies, event_of(cluster, subject)))

    def close(self, timeout: float) -> None:
        """Deliver what is left, waiting for `timeout` seconds at most."""
        self._closing.set()
        self._events.put(None)
        self._thread.join(timeout)

    def _deliver(self) -> None:
        while (queued := self._events.get()) is not None:
            due, copies, event = queued
            self._closing.wait(max(0.0, due - time.monotonic()))
            for _ in range(copies):
                try:
                    self._receive(event)
                except Exception:
                    # The receiver's fault must not end the delivery of the others.
                    logger.exception("event %s was not taken", event.detail_type)


def event_of(cluster: Cluster, subject: Subject) -> Event:
    """Return the event that EMR sends when the cluster or one of its steps enters its state."""
    now = f"{datetime.fromtimestamp(CLOCK.now(), UTC):%Y-%m-%d %H:%M UTC}"
    place = f"{cluster.id} ({cluster.name})"
    if isinstance(subject, Step):
        detail_type = "EMR Step Status Change"
        said = f"Step {subject.id} ({subject.name}) {STEP_MESSAGES[subject.state]}"
        detail = {
            "severity": "ERROR" if subject.state == "FAILED" else "INFO",
            "actionOnFailure": subject.on_failure,
            "stepId": subject.id,
            "message": f"{said} Amazon EMR cluster {place} at {now}.",
        }
    else:
        detail_type, ending = "EMR Cluster State Change", cluster.ending
        cause = f" with a reason of {ending.code}: {ending.message}" if ending else ""
        reason = {"code": ending.code, "message": ending.message} if ending else {"code": ""}
        detail = {
            "severity": "CRITICAL" if cluster.state == "TERMINATED_WITH_ERRORS" else "INFO",
            "stateChangeReason": json.dumps(reason),
            "message": f"Amazon EMR Cluster {place} {CLUSTER_MESSAGES[cluster.state]} at {now}{cause}.",
        }
    detail |= {"name": subject.name, "clusterId": cluster.id, "state": subject.state}
    return Event(detail_type, detail, cluster.account, cluster.region)
