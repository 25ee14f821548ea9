"""Settings of the rehearsed account, of its clock and of AWS's delivery, and how long things take."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spark_job.contract.errors import MisuseError

SECONDS_OF_A_DAY = 86_400


class Clock:
    """A clock that is right, or some seconds fast."""

    ahead_seconds = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_seconds


# One for the whole process: nothing of EMR knows another time.
CLOCK = Clock()


@dataclass
class Conditions:
    """Settings that may change while the rehearsal is up.

    Attributes:
        stacks_see_refusals: Whether a stack fails when EMR refuses to change a cluster that ends or has
            ended. AWS documents neither; without it the change counts as made.
        on_demand_vcpu, spot_vcpu: The account's quotas of vCPU.
        event_copies: How often each event is delivered. EventBridge delivers at least once; 0 loses it.
            https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-delivery-level.html
        events_late: Seconds until an event is delivered.
        logs_late: Seconds until logs are put into S3; EMR brings them every five minutes.
            https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-debugging.html
        days_ahead: How many days the clock of EMR and of S3's lifecycle rules is ahead of this machine's.
    """

    stacks_see_refusals: bool = True
    on_demand_vcpu: int = 1000
    spot_vcpu: int = 1000
    event_copies: int = 1
    events_late: float = 0.0
    logs_late: float = 0.0
    days_ahead: float = 0.0

    def change(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Set some of them, and return all. Raises MisuseError: no such name, or a value of another type."""
        known = asdict(self)
        for name, value in values.items():
            if name not in known:
                raise MisuseError(f"there is no setting {name}: there are {', '.join(known)}")
            kind = type(known[name])
            if isinstance(value, bool) != (kind is bool) or not isinstance(value, (int, kind)) or value < 0:
                raise MisuseError(f"{name} takes a {kind.__name__}, such as {known[name]}, not {value!r}")
        for name, value in values.items():
            setattr(self, name, type(known[name])(value))
        CLOCK.ahead_seconds = self.days_ahead * SECONDS_OF_A_DAY
        return asdict(self)


@dataclass(frozen=True)
class Timings:
    """Lengths of time in seconds, but for the last, which is a count."""

    tick: float = 1.0  # between two looks at demand, idleness and health of a cluster
    scale_out_after: float = 15.0  # how long containers wait for room before managed scaling adds a node
    scale_in_after: float = 60.0  # how long a node has no container before managed scaling takes it away
    idle_second: float = 1.0  # length of one second of an auto-termination policy's `IdleTimeout`
    provisioning_minute: float = 1.0  # length of one minute of a fleet's `TimeoutDurationMinutes`
    stop: float = 30.0  # how long `ElasticMapReduce.stop` waits for each cluster
    yarn_clusters: int = 2  # how many clusters may run YARN at once; others stay in STARTING
