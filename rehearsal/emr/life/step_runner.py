"""Runs a cluster's steps, one after the other, and does what follows a failure."""

import threading

from rehearsal.emr.cluster import Cluster
from rehearsal.emr.compute import Compute, ComputeError
from rehearsal.emr.parts import STARTED, Ending, Step


def start_due(cluster: Cluster, compute: Compute) -> None:
    """Start the next step if none runs; a cluster that is to end starts none."""
    with cluster.changed:
        active = cluster.active_steps
        if active and active[0].state == "PENDING" and not cluster.ending:
            step = active[0]
            cluster.let(step, "RUNNING")
            threading.Thread(target=_run, args=(cluster, compute, step), daemon=True, name=step.id).start()


def cancel(cluster: Cluster, step: Step, *, force: bool) -> None:
    """End a step that waits or runs; the caller holds the cluster's lock."""
    step.force = force
    if step.state == "PENDING":
        cluster.let(step, "CANCELLED", message="Cancelled by user")
        return
    cluster.let(step, "CANCEL_PENDING")
    if step.running:
        threading.Thread(target=step.running.cancel, kwargs={"force": force}, daemon=True).start()


def _run(cluster: Cluster, compute: Compute, step: Step) -> None:
    fault = ""
    try:
        with cluster.changed:
            cancelled = step.force is not None
        code = 1 if cancelled else _run_program(cluster, compute, step)
        fault = step.running.last_words if step.running and code else ""
    except ComputeError as error:
        code, fault = 1, str(error)
    except Exception as error:
        code, fault = 1, f"The rehearsal failed to run it: {error!r}"
    _ended(cluster, step, code, fault)


def _run_program(cluster: Cluster, compute: Compute, step: Step) -> int:
    program = compute.run(step.program)
    with cluster.changed:
        step.running = program
        force = step.force
    if force is not None:
        program.cancel(force=force)
    return program.wait()


def _ended(cluster: Cluster, step: Step, code: int, fault: str) -> None:
    with cluster.changed:
        if step.state not in STARTED:
            return
        if step.force is not None:
            cluster.let(step, "CANCELLED", message="Cancelled by user")
        elif code == 0:
            cluster.let(step, "COMPLETED")
        else:
            fault = fault or f"The step ended with exit code {code}."
            step.failure = {"Reason": "Unknown Error.", "Message": fault}
            if uri := cluster.spec.log_uri:
                step.failure["LogFile"] = f"{uri}{cluster.id}/steps/{step.id}/stderr.gz"
            cluster.let(step, "FAILED")
            _follow_failure(cluster, step)


def _follow_failure(cluster: Cluster, step: Step) -> None:
    if step.on_failure in ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"):
        cluster.end(Ending("STEP_FAILURE", "Shut down as step failed"))
    elif step.on_failure != "CONTINUE":
        for waiting in cluster.active_steps:
            cluster.let(waiting, "CANCELLED", message="Cancelled as an earlier step failed")


def interrupt_steps(cluster: Cluster) -> None:
    """Cancel the steps that wait and interrupt those that run, as the cluster ends."""
    with cluster.changed:
        for step in cluster.active_steps:
            state = "CANCELLED" if step.state == "PENDING" else "INTERRUPTED"
            cluster.let(step, state, message="Job terminated")
