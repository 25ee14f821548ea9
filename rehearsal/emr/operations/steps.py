"""Operations on steps."""

from typing import Any

from rehearsal.emr.cluster import Cluster
from rehearsal.emr.errors import refused
from rehearsal.emr.life.controller import cancel
from rehearsal.emr.operations.account import Account, Message, check_alive
from rehearsal.emr.operations.descriptions import page, status
from rehearsal.emr.parts import Step

# https://docs.aws.amazon.com/emr/latest/ManagementGuide/AddMoreThan256Steps.html
MOST_ACTIVE_STEPS = 256
# https://docs.aws.amazon.com/emr/latest/APIReference/API_ListSteps.html
MOST_LISTED_IDS = 10


def add_job_flow_steps(account: Account, request: Message) -> Message:
    """Add steps to a cluster."""
    (cluster,) = account.job_flows([request["JobFlowId"]])
    if not request["Steps"]:
        raise refused("At least one step must be specified.")
    with cluster.changed:
        check_alive(cluster)
        steps = new_steps(cluster, request["Steps"])
        cluster.steps += steps
        for step in steps:
            cluster.announce(cluster, step)
        cluster.notify()
    return {"StepIds": [step.id for step in steps]}


def new_steps(cluster: Cluster, configs: list[dict[str, Any]]) -> list[Step]:
    """Return the steps, pending, none of them added yet. Raises EmrError: too many."""
    if len(configs) > MOST_ACTIVE_STEPS:
        raise refused(f"A maximum of {MOST_ACTIVE_STEPS} steps may be specified.")
    if len(cluster.active_steps) + len(configs) > MOST_ACTIVE_STEPS:
        raise refused(
            "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') "
            "for cluster exceeded."
        )
    return [Step(config=config) for config in configs]


def describe_step(account: Account, request: Message) -> Message:
    """Return one step."""
    cluster = account.cluster(request["ClusterId"])
    with cluster.changed:
        return {"Step": _description(_find(cluster, request.get("StepId", "")))}


def list_steps(account: Account, request: Message) -> Message:
    """Return the steps of some ids or states, the latest first, 50 a page."""
    cluster = account.cluster(request["ClusterId"])
    states, ids = request.get("StepStates"), request.get("StepIds")
    if ids and len(ids) > MOST_LISTED_IDS:
        raise refused(f"Maximum of {MOST_LISTED_IDS} StepIds may be specified.")
    if ids and states:
        raise refused("Only one of StepIds and StepStates may be specified.")
    with cluster.changed:
        for step_id in ids or []:
            _find(cluster, step_id)
        chosen = [
            step
            for step in reversed(cluster.steps)
            if (not states or step.state in states) and (not ids or step.id in ids)
        ]
        return page("Steps", chosen, request, _description)


def cancel_steps(account: Account, request: Message) -> Message:
    """Cancel steps that wait or run, with an answer for each step."""
    cluster = account.cluster(request["ClusterId"])
    # https://docs.aws.amazon.com/emr/latest/APIReference/API_CancelSteps.html
    if len(request["StepIds"]) > MOST_ACTIVE_STEPS:
        raise refused(f"A maximum of {MOST_ACTIVE_STEPS} steps may be cancelled at once.")
    force = request.get("StepCancellationOption") == "TERMINATE_PROCESS"
    with cluster.changed:
        check_alive(cluster)
        answers = [_cancel(cluster, step_id, force) for step_id in request["StepIds"]]
    return {"CancelStepsInfoList": answers}


def _cancel(cluster: Cluster, step_id: str, force: bool) -> Message:
    step = next((step for step in cluster.steps if step.id == step_id), None)
    if step and step.state in ("PENDING", "RUNNING"):
        cancel(cluster, step, force=force)
        return {"StepId": step_id, "Status": "SUBMITTED"}
    only = "only PENDING and RUNNING steps can be cancelled."
    reason = f"The step is {step.state}: {only}" if step else f"Step id '{step_id}' is not valid."
    return {"StepId": step_id, "Status": "FAILED", "Reason": reason}


def _find(cluster: Cluster, step_id: str) -> Step:
    for step in cluster.steps:
        if step.id == step_id:
            return step
    raise refused(f"Step id '{step_id}' is not valid.")


def _description(step: Step) -> Message:
    program = step.program
    return {
        "Id": step.id,
        "Name": step.name,
        "Config": {
            "Jar": program.jar,
            "Properties": program.properties,
            "MainClass": program.main_class,
            "Args": list(program.arguments),
        },
        "ActionOnFailure": step.on_failure,
        "Status": {**status(step), "FailureDetails": step.failure},
    }
