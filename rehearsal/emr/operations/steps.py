"""Operations on steps."""

from typing import Any

from rehearsal.emr.errors import invalid_request, validation
from rehearsal.emr.life.controller import Controller
from rehearsal.emr.requests.pages import page
from rehearsal.emr.requests.step_requests import MOST_ACTIVE_STEPS, steps_of
from rehearsal.emr.state.account import AccountState, check_alive
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.state.step import Step

Request = dict[str, Any]
# https://docs.aws.amazon.com/emr/latest/APIReference/API_ListSteps.html
MOST_LISTED_IDS = 10


def add(state: AccountState, request: Request) -> Request:
    """AddJobFlowSteps."""
    cluster = state.modifiable(request["JobFlowId"])
    if not request["Steps"]:
        raise validation("At least one step must be specified.")
    with cluster.changed:
        steps = steps_of(cluster, request["Steps"], request.get("ExecutionRoleArn"))
        for step in steps:
            cluster.add_step(step)
    return {"StepIds": [step.id for step in steps]}


def describe(state: AccountState, request: Request) -> Request:
    """DescribeStep."""
    cluster = state.cluster(request["ClusterId"])
    with cluster.changed:
        return {"Step": _find(cluster, request.get("StepId", "")).describe()}


def list_steps(state: AccountState, request: Request) -> Request:
    """ListSteps: the latest first, 50 a page."""
    cluster = state.cluster(request["ClusterId"])
    states, ids = request.get("StepStates"), request.get("StepIds")
    if ids and len(ids) > MOST_LISTED_IDS:
        raise invalid_request(f"Maximum of {MOST_LISTED_IDS} StepIds may be specified.")
    if ids and states:
        raise invalid_request("Only one of StepIds and StepStates may be specified.")
    with cluster.changed:
        for step_id in ids or []:
            _find(cluster, step_id)
        found = [
            step
            for step in reversed(cluster.steps)
            if (not states or step.state in states) and (not ids or step.id in ids)
        ]
        steps, marker = page(found, request.get("Marker"), Step.describe)
    return {"Steps": steps, "Marker": marker}


def cancel(state: AccountState, request: Request) -> Request:
    """CancelSteps: one answer for each step."""
    controller = state.controller(request["ClusterId"])
    if len(request["StepIds"]) > MOST_ACTIVE_STEPS:
        raise invalid_request(f"A maximum of {MOST_ACTIVE_STEPS} steps may be cancelled at once.")
    force = request.get("StepCancellationOption") == "TERMINATE_PROCESS"
    with controller.cluster.changed:
        check_alive(controller.cluster)
        answers = [_cancel(controller, step_id, force) for step_id in request["StepIds"]]
    return {"CancelStepsInfoList": answers}


def _cancel(controller: Controller, step_id: str, force: bool) -> Request:
    step = next((each for each in controller.cluster.steps if each.id == step_id), None)
    if step is None:
        return {"StepId": step_id, "Status": "FAILED", "Reason": f"Step id '{step_id}' is not valid."}
    if step.state not in ("PENDING", "RUNNING"):
        why = f"The step is {step.state}: only PENDING and RUNNING steps can be cancelled."
        return {"StepId": step_id, "Status": "FAILED", "Reason": why}
    controller.cancel_step(step, force=force)
    return {"StepId": step_id, "Status": "SUBMITTED"}


def _find(cluster: Cluster, step_id: str) -> Step:
    for step in cluster.steps:
        if step.id == step_id:
            return step
    raise invalid_request(f"Step id '{step_id}' is not valid.")


OPERATIONS = {
    "AddJobFlowSteps": add,
    "DescribeStep": describe,
    "ListSteps": list_steps,
    "CancelSteps": cancel,
}
