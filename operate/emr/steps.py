"""Steps on a cluster, as EMR tells of them: one builder, thin callers, and waiting for an end."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from infra.contract.aws_clients import EMRClient
from infra.launch.checks import ACTIVE_STEPS
from operate.errors import UNKNOWN, OperateError, none_if_refused

COMPLETED = "COMPLETED"
POLL_SECONDS = 10.0


@dataclass(frozen=True)
class Step:
    """One step; times are UTC and None until they come, `reason` is empty unless EMR gave one."""

    id: str
    name: str
    state: str
    arguments: tuple[str, ...]
    created: datetime | None
    started: datetime | None
    ended: datetime | None
    reason: str

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ACTIVE_STEPS

    @classmethod
    def from_emr(cls, step: Mapping[str, Any]) -> Self:
        """Read a step from what ListSteps and DescribeStep answer alike."""
        status = step["Status"]
        timeline, failure = status.get("Timeline", {}), status.get("FailureDetails") or {}
        change = (status.get("StateChangeReason") or {}).get("Message", "")
        reasons = [failure[name] for name in ("Reason", "Message") if failure.get(name)]
        return cls(
            id=step["Id"],
            name=step["Name"],
            state=status["State"],
            arguments=tuple(step.get("Config", {}).get("Args", ())),
            created=timeline.get("CreationDateTime"),
            started=timeline.get("StartDateTime"),
            ended=timeline.get("EndDateTime"),
            reason="; ".join(reasons) or change,
        )


def spark_step(name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Describe one spark-submit as AddJobFlowSteps wants it; after a failure the cluster stays up."""
    return {
        "Name": name,
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": list(arguments)},
    }


def list_steps(emr: EMRClient, cluster_id: str) -> list[Step]:
    """Return every step of a cluster, the latest first."""
    pages = emr.get_paginator("list_steps").paginate(ClusterId=cluster_id)
    return [Step.from_emr(step) for page in pages for step in page["Steps"]]


def describe_step(emr: EMRClient, cluster_id: str, step_id: str) -> Step:
    """Return one step. Raises OperateError: the cluster has no such step."""
    answer = none_if_refused(UNKNOWN, lambda: emr.describe_step(ClusterId=cluster_id, StepId=step_id))
    if answer is None:
        raise OperateError(f"cluster {cluster_id} has no step {step_id}: `status` lists its steps")
    return Step.from_emr(answer["Step"])


def add_steps(emr: EMRClient, cluster_id: str, steps: Sequence[Any]) -> list[str]:
    """Submit steps and return their ids, in the same order."""
    return list(map(str, emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=list(steps))["StepIds"]))


def follow(
    emr: EMRClient,
    cluster_id: str,
    step_id: str,
    say: Callable[[str], None],
    meanwhile: Callable[[Step], None] = lambda _step: None,
) -> Step:
    """Say each change of a step's state until it has ended, and return it; call `meanwhile` between looks."""
    last_state = ""
    while True:
        step = describe_step(emr, cluster_id, step_id)
        if step.state != last_state:
            say(f"{step.name} {step.state}")
            last_state = step.state
        if not step.active:
            return step
        meanwhile(step)
        time.sleep(POLL_SECONDS)


def cancel_step(emr: EMRClient, cluster_id: str, step_id: str) -> None:
    """Ask EMR to end a step that waits or runs. Raises OperateError: EMR refuses, with its reason."""
    answer = emr.cancel_steps(
        ClusterId=cluster_id, StepIds=[step_id], StepCancellationOption="TERMINATE_PROCESS"
    )
    for request in answer.get("CancelStepsInfoList", ()):
        if request.get("Status") == "FAILED":
            raise OperateError(f"step {step_id} is not cancelled: {request.get('Reason')}; look at `status`")
