"""Steps as RunJobFlow and AddJobFlowSteps ask for them."""

from typing import Any

from rehearsal.emr.errors import refused
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.state.step import Step

# https://docs.aws.amazon.com/emr/latest/ManagementGuide/AddMoreThan256Steps.html
MOST_ACTIVE_STEPS = 256


def new_steps(cluster: Cluster, configs: list[dict[str, Any]], role_arn: str | None) -> list[Step]:
    """Return the steps, pending, none of them added yet.

    Raises:
        EmrError: too many, or an action on failure that several steps at once do not allow.
    """
    if len(configs) > MOST_ACTIVE_STEPS:
        raise refused(f"A maximum of {MOST_ACTIVE_STEPS} steps may be specified.")
    if len(cluster.active_steps) + len(configs) > MOST_ACTIVE_STEPS:
        raise refused(
            "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') "
            "for cluster exceeded."
        )
    return [Step(config, _on_failure(cluster, config), role_arn) for config in configs]


# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-concurrent-steps.html
def _on_failure(cluster: Cluster, config: dict[str, Any]) -> str:
    several = cluster.step_concurrency > 1
    action = str(config.get("ActionOnFailure", "CONTINUE" if several else "TERMINATE_CLUSTER"))
    if several and action != "CONTINUE":
        raise refused(
            f"ActionOnFailure {action} is not valid for a cluster with a step concurrency level "
            "greater than 1."
        )
    return action
