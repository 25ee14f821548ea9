"""RunJobFlow's request: what EMR refuses in it, and the cluster that it describes.

Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html
"""

from collections.abc import Callable
from typing import Any

from rehearsal.emr.errors import refused
from rehearsal.emr.releases import APPLICATIONS, YARN_APPLICATIONS, is_release
from rehearsal.emr.requests.instance_pools import new_pools
from rehearsal.emr.requests.policies import checked_auto_termination, checked_managed_scaling
from rehearsal.emr.requests.steps import new_steps
from rehearsal.emr.requests.tags import checked_tags
from rehearsal.emr.state.cluster import Cluster, Subject

# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-concurrent-steps.html
MOST_CONCURRENT_STEPS = 256


def new_cluster(
    request: dict[str, Any], account: str, region: str, announce: Callable[[Cluster, Subject], None]
) -> Cluster:
    """Return the cluster with its fleets or groups and its first steps; it does not live yet.

    Raises:
        EmrError: what EMR refuses.
    """
    _check_release(request)
    instances = request["Instances"]
    cluster = Cluster(request, account, region, announce)
    cluster.pools = new_pools(instances)
    _check_roles(request)
    cluster.keep_alive = instances.get("KeepJobFlowAliveWhenNoSteps", False)
    cluster.protected = instances.get("TerminationProtected", False)
    cluster.unhealthy_replacement = instances.get("UnhealthyNodeReplacement", False)
    cluster.visible = request.get("VisibleToAllUsers", True)
    cluster.step_concurrency = checked_concurrency(request.get("StepConcurrencyLevel", 1))
    cluster.runs_yarn = any(name in YARN_APPLICATIONS for name in _application_names(request))
    cluster.tags = checked_tags({}, request.get("Tags", []))
    cluster.managed_scaling = checked_managed_scaling(
        request.get("ManagedScalingPolicy"), cluster.uses_fleets
    )
    cluster.auto_termination = checked_auto_termination(request.get("AutoTerminationPolicy"))
    _apply_high_availability(cluster)
    cluster.steps = new_steps(cluster, request.get("Steps", []), request.get("StepExecutionRoleArn"))
    return cluster


def checked_concurrency(level: int) -> int:
    """Return how many steps may run at once.

    Raises:
        EmrError: it is not 1 to 256.
    """
    if not 1 <= level <= MOST_CONCURRENT_STEPS:
        raise refused(f"The step concurrency level must be between 1 and {MOST_CONCURRENT_STEPS}.")
    return level


def _application_names(request: dict[str, Any]) -> list[str]:
    return [str(application.get("Name", "")).lower() for application in request.get("Applications", [])]


def _check_release(request: dict[str, Any]) -> None:
    label = request.get("ReleaseLabel", "")
    if not is_release(label):
        raise refused(f"The supplied release label is invalid: {label}.")
    unknown = [name for name in _application_names(request) if name not in APPLICATIONS]
    if unknown:
        raise refused(f"Specified application(s) {', '.join(unknown)} are invalid for release {label}.")


def _check_roles(request: dict[str, Any]) -> None:
    if not request.get("ServiceRole"):
        raise refused("ServiceRole is required for creating cluster.")
    if not request.get("JobFlowRole"):
        raise refused("InstanceProfile is required for creating cluster.")


def _apply_high_availability(cluster: Cluster) -> None:
    primary = next(pool for pool in cluster.pools if pool.role == "MASTER")
    if sum(primary.targets.values()) > 1:
        cluster.keep_alive = cluster.protected = True
