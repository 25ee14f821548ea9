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
    cluster, step_id = account.cluster(request["ClusterId"]), request.get("StepId", "")
    with cluster.changed:
        return {"Step": _description(_found(cluster, [step_id])[0])}


def list_steps(account: Account, request: Message) -> Message:
    """Return the steps of some ids or states, the latest first, 50 a page."""
    cluster = account.cluster(request["ClusterId"])
    states, ids = request.get("StepStates"), request.get("StepIds")
    if ids and len(ids) > MOST_LISTED_IDS:
        raise refused(f"Maximum of {MOST_LISTED_IDS} StepIds may be specified.")
    if ids and states:
        raise refused("Only one of StepIds and StepStates may be specified.")
    with cluster.changed:
        steps = _found(cluster, ids) if ids else cluster.steps
        chosen = [step for step in reversed(steps) if not states or step.state in states]
        return page("Steps", chosen, request, _description)


def _found(cluster: Cluster, ids: list[str]) -> list[Step]:
    """Return the steps of these ids, in their order in the cluster."""
    known = [step.id for step in cluster.steps]
    if unknown := [step_id for step_id in ids if step_id not in known]:
        raise refused(f"Step id '{unknown[0]}' is not valid.")
    return [step for step in cluster.steps if step.id in ids]


def cancel_steps(account: Account, request: Message) -> Message:
    """Cancel steps that wait or run, with an answer for each step."""
    cluster = account.cluster(request["ClusterId"])
    # https://docs.aws.amazon.com/emr/latest/APIReference/API_CancelSteps.html
    if len(request["StepIds"]) > MOST_ACTIVE_STEPS:
        raise refused(f"A maximum of {MOST_ACTIVE_STEPS} steps may be cancelled at once.")
    answers = []
    with cluster.changed:
        check_alive(cluster)
        for step_id in request["StepIds"]:
            step = next((step for step in cluster.steps if step.id == step_id), None)
            answer = {"StepId": step_id, "Status": "FAILED", "Reason": f"Step id '{step_id}' is not valid."}
            if step and step.state in ("PENDING", "RUNNING"):
                cancel(cluster, step, force=request.get("StepCancellationOption") == "TERMINATE_PROCESS")
                answer = {"StepId": step_id, "Status": "SUBMITTED"}
            elif step:
                only = "only PENDING and RUNNING steps can be cancelled."
                answer["Reason"] = f"The step is {step.state}: {only}"
            answers.append(answer)
    return {"CancelStepsInfoList": answers}


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
