"""Why a cluster ends: the reason that it shows, and whether that is an error.

Codes: https://docs.aws.amazon.com/emr/latest/APIReference/API_ClusterStateChangeReason.html
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ending:
    """The reason of a cluster's last state.

    Attributes:
        failed: Whether the cluster ends as TERMINATED_WITH_ERRORS instead of TERMINATED.
    """

    code: str
    message: str
    failed: bool = True


USER_REQUEST = Ending("USER_REQUEST", "Terminated by user request", failed=False)
STEPS_COMPLETED = Ending("ALL_STEPS_COMPLETED", "Steps completed", failed=False)
STEP_FAILURE = Ending("STEP_FAILURE", "Shut down as step failed")
PRIMARY_LOST = Ending("INSTANCE_FAILURE", "The master node was terminated.")


def internal_error(message: str) -> Ending:
    """Return the ending of a cluster that its machine failed."""
    return Ending("INTERNAL_ERROR", message)
