"""What a cluster and its parts have alike: a state, the reason for it, and since when; why a cluster ends."""

from dataclasses import dataclass, field

from rehearsal.emr.conditions import CLOCK

READY = ("RUNNING", "WAITING")
ENDED = (
    *("TERMINATED", "TERMINATED_WITH_ERRORS"),  # clusters, pools and instances
    *("COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED"),  # steps
)


@dataclass(kw_only=True)
class Part:
    """A cluster, a fleet or group, an instance or a step; times are epoch seconds, None until they come.

    Attributes:
        code, message: The reason of its state, as EMR shows it; empty without one.
        ready: When it first worked.
    """

    state: str
    code: str = ""
    message: str = ""
    created: float = field(default_factory=CLOCK.now)
    ready: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class Ending:
    """The reason of a cluster's last state.

    Codes: https://docs.aws.amazon.com/emr/latest/APIReference/API_ClusterStateChangeReason.html

    Attributes:
        failed: Whether the cluster ends as TERMINATED_WITH_ERRORS instead of TERMINATED.
    """

    code: str
    message: str
    failed: bool = True


USER_REQUEST = Ending("USER_REQUEST", "Terminated by user request", failed=False)
