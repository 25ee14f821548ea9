"""Runs a cluster's steps: in order, as many at once as it allows, and what follows a failure."""

import threading

from rehearsal.emr.compute import Compute, ComputeError
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.state.ending import STEP_FAILURE
from rehearsal.emr.state.step import STARTED, Step

SHUTDOWN = ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW")


class StepRunner:
    """Runs the steps of one cluster."""

    def __init__(self, cluster: Cluster, compute: Compute) -> None:
        self._cluster = cluster
        self._compute = compute

    def start_due(self) -> None:
        """Start the steps that may start now; a cluster that is to end starts none."""
        with self._cluster.changed:
            if self._cluster.ending:
                return
            active = self._cluster.active_steps
            room = self._cluster.step_concurrency - sum(step.state in STARTED for step in active)
            due = [step for step in active if step.state == "PENDING"][: max(0, room)]
            for step in due:
                self._cluster.set_step_state(step, "RUNNING")
                threading.Thread(target=self._run, args=(step,), daemon=True, name=step.id).start()

    def cancel(self, step: Step, *, force: bool) -> None:
        """End a step that waits or runs; the caller holds the cluster's lock."""
        step.force = force
        if step.state == "PENDING":
            self._cluster.set_step_state(step, "CANCELLED", "Cancelled by user")
            return
        self._cluster.set_step_state(step, "CANCEL_PENDING")
        if step.running:
            threading.Thread(target=step.running.cancel, kwargs={"force": force}, daemon=True).start()

    def _run(self, step: Step) -> None:
        fault = ""
        try:
            with self._cluster.changed:
                cancelled = step.force is not None
            code = 1 if cancelled else self._run_program(step)
            fault = step.running.last_words if step.running and code else ""
        except ComputeError as error:
            code, fault = 1, str(error)
        except Exception as error:
            code, fault = 1, f"The rehearsal failed to run it: {error!r}"
        self._ended(step, code, fault)

    def _run_program(self, step: Step) -> int:
        program = self._compute.run(step.program)
        with self._cluster.changed:
            step.running = program
            force = step.force
        if force is not None:
            program.cancel(force=force)
        return program.wait()

    def _ended(self, step: Step, code: int, fault: str) -> None:
        with self._cluster.changed:
            if step.state not in STARTED:
                return
            if step.force is not None:
                self._cluster.set_step_state(step, "CANCELLED", "Cancelled by user")
            elif code == 0:
                self._cluster.set_step_state(step, "COMPLETED")
            else:
                step.failure = self._failure(step, fault or f"The step ended with exit code {code}.")
                self._cluster.set_step_state(step, "FAILED")
                self._follow_failure(step)

    def _failure(self, step: Step, fault: str) -> dict[str, str]:
        details = {"Reason": "Unknown Error.", "Message": fault}
        log_uri = self._cluster.request.get("LogUri")
        if log_uri:
            details["LogFile"] = f"{log_uri.rstrip('/')}/{self._cluster.id}/steps/{step.id}/stderr.gz"
        return details

    def _follow_failure(self, step: Step) -> None:
        # With several steps at once EMR leaves the others alone, whatever the step asks for.
        if step.on_failure == "CONTINUE" or self._cluster.step_concurrency > 1:
            return
        # A protected cluster does not end; its further steps do.
        if step.on_failure in SHUTDOWN and not self._cluster.protected:
            self._cluster.end(STEP_FAILURE)
            return
        for waiting in self._cluster.active_steps:
            self._cluster.set_step_state(waiting, "CANCELLED", "Cancelled as an earlier step failed")


def interrupt_steps(cluster: Cluster) -> None:
    """Cancel the steps that wait and interrupt those that run, as the cluster ends."""
    with cluster.changed:
        for step in cluster.active_steps:
            state = "CANCELLED" if step.state == "PENDING" else "INTERRUPTED"
            cluster.set_step_state(step, state, "Job terminated")
