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
    failed: bool = False


USER_REQUEST = Ending("USER_REQUEST", "Terminated by user request")
STEPS_COMPLETED = Ending("ALL_STEPS_COMPLETED", "Steps completed")
STEP_FAILURE = Ending("STEP_FAILURE", "Shut down as step failed", failed=True)
PRIMARY_LOST = Ending("INSTANCE_FAILURE", "The master node was terminated.", failed=True)


def idle(seconds: int) -> Ending:
    """Return the ending by an auto-termination policy; EMR does not document its words."""
    return Ending("USER_REQUEST", f"Terminated by its auto-termination policy: idle for {seconds} seconds")


def internal_error(message: str) -> Ending:
    """Return the ending of a cluster that its machine failed."""
    return Ending("INTERNAL_ERROR", message, failed=True)


def launch_refused(message: str) -> Ending:
    """Return the ending of a cluster whose instances EC2 does not start.

    Which code EMR shows for a quota or a missing role is not documented; this one is for what the account has
    not: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-troubleshoot-error-errordetail-validation.html
    """
    return Ending("VALIDATION_ERROR", message, failed=True)


def fleet_timeout(role: str) -> Ending:
    """Return the ending of a cluster that did not get its Spot instances within their timeout."""
    return Ending("INSTANCE_FLEET_TIMEOUT", f"The {role} instance fleet timed out", failed=True)


def bootstrap_failure(primary: bool, ec2_id: str, fault: str) -> Ending:
    """Return the ending by a bootstrap action that failed on one of the first instances.

    Args:
        fault: Such as `bootstrap action 1 returned a non-zero return code`.
    """
    place = f"the master instance ({ec2_id})" if primary else f"1 slave instance (including {ec2_id})"
    return Ending("BOOTSTRAP_FAILURE", f"On {place}, {fault}", failed=True)
