"""RunJobFlow's request: what EMR refuses in it, and the cluster that it describes."""

from collections.abc import Callable
from typing import Any

from rehearsal.emr.errors import validation
from rehearsal.emr.events import Event
from rehearsal.emr.releases import APPLICATIONS, YARN_APPLICATIONS, is_release, release_number
from rehearsal.emr.requests.groups import attached_policy
from rehearsal.emr.requests.policies import check_idle_timeout, check_scaling
from rehearsal.emr.requests.pool_requests import pools_of
from rehearsal.emr.requests.step_requests import steps_of
from rehearsal.emr.requests.tags import checked_tags
from rehearsal.emr.state.cluster import Cluster

# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-ha-launch.html
HIGHLY_AVAILABLE_PRIMARIES = 3
FIRST_WITH_CUSTOM_AMI = (5, 7)


def new_cluster(request: dict[str, Any], account: str, region: str, emit: Callable[[Event], None]) -> Cluster:
    """The cluster, with its fleets or groups and its first steps, not yet alive.

    Raises:
        EmrError: what EMR refuses.
    """
    _check_release(request)
    _check_roles(request)
    asked = request["Instances"]
    cluster = Cluster(request, account, region, emit)
    cluster.pools = pools_of(asked)
    _attach_policies(cluster)
    cluster.keep_alive = asked.get("KeepJobFlowAliveWhenNoSteps", False)
    cluster.protected = asked.get("TerminationProtected", False)
    cluster.unhealthy_replacement = asked.get("UnhealthyNodeReplacement", False)
    cluster.visible = request.get("VisibleToAllUsers", True)
    cluster.extended_support = request.get("ExtendedSupport")
    cluster.step_concurrency = _concurrency(request)
    cluster.runs_yarn = any(name in YARN_APPLICATIONS for name in _application_names(request))
    cluster.tags = checked_tags({}, request.get("Tags", []))
    cluster.managed_scaling = check_scaling(request.get("ManagedScalingPolicy"), cluster.uses_fleets)
    cluster.auto_termination = check_idle_timeout(request.get("AutoTerminationPolicy"))
    _apply_high_availability(cluster)
    cluster.steps = steps_of(cluster, request.get("Steps", []), request.get("StepExecutionRoleArn"))
    return cluster


def _application_names(request: dict[str, Any]) -> list[str]:
    return [str(each.get("Name", "")).lower() for each in request.get("Applications", [])]


def _check_release(request: dict[str, Any]) -> None:
    label, ami = request.get("ReleaseLabel"), request.get("AmiVersion")
    if label and ami:
        raise validation(
            "Only one AMI version and release label may be specified. "
            f"Provided AMI: {ami}, release label: {label}."
        )
    if request.get("CustomAmiId"):
        _check_custom_ami(label, ami)
    if not label:
        return
    if not is_release(label):
        raise validation(f"The supplied release label is invalid: {label}.")
    unknown = [each for each in _application_names(request) if each not in APPLICATIONS]
    if unknown:
        raise validation(f"Specified application(s) {', '.join(unknown)} are invalid for release {label}.")


def _check_custom_ami(label: str | None, ami: str | None) -> None:
    if ami:
        raise validation("Custom AMI is not supported in this version of EMR")
    if label and is_release(label) and release_number(label) < FIRST_WITH_CUSTOM_AMI:
        raise validation("Custom AMI is not allowed")


def _check_roles(request: dict[str, Any]) -> None:
    if not request.get("ServiceRole"):
        raise validation("ServiceRole is required for creating cluster.")
    if not request.get("JobFlowRole"):
        raise validation("InstanceProfile is required for creating cluster.")


def _concurrency(request: dict[str, Any]) -> int:
    level = int(request.get("StepConcurrencyLevel", 1))
    check_concurrency(level)
    return level


def check_concurrency(level: int) -> None:
    """How many steps may run at once.

    Raises:
        EmrError: not 1 to 256.
    """
    if not 1 <= level <= 256:
        raise validation("The step concurrency level must be between 1 and 256.")


def _attach_policies(cluster: Cluster) -> None:
    for pool in cluster.pools:
        if pool.scaling_policy:
            pool.scaling_policy = attached_policy(pool.scaling_policy, cluster.id)


def _apply_high_availability(cluster: Cluster) -> None:
    primary = next(pool for pool in cluster.pools if pool.role == "MASTER")
    count = sum(primary.targets.values())
    if count == 1:
        return
    if count != HIGHLY_AVAILABLE_PRIMARIES:
        raise validation("Master instance group must have exactly 3 instances for HA clusters.")
    cluster.keep_alive = cluster.protected = True
