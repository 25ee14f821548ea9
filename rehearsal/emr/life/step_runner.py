"""Runs a cluster's steps, one after the other, and does what follows a failure."""

import threading
from dataclasses import dataclass

from rehearsal.emr.cluster import Cluster
from rehearsal.emr.compute import Compute, ComputeError
from rehearsal.emr.parts import STARTED, Ending, Step


@dataclass
class StepRunner:
    """Runs the steps of one cluster."""

    cluster: Cluster
    compute: Compute

    def start_due(self) -> None:
        """Start the next step if none runs; a cluster that is to end starts none."""
        with self.cluster.changed:
            active = self.cluster.active_steps
            if active and active[0].state == "PENDING" and not self.cluster.ending:
                step = active[0]
                self.cluster.let(step, "RUNNING")
                threading.Thread(target=self._run, args=(step,), daemon=True, name=step.id).start()

    def cancel(self, step: Step, *, force: bool) -> None:
        """End a step that waits or runs; the caller holds the cluster's lock."""
        step.force = force
        if step.state == "PENDING":
            self.cluster.let(step, "CANCELLED", message="Cancelled by user")
            return
        self.cluster.let(step, "CANCEL_PENDING")
        if step.running:
            threading.Thread(target=step.running.cancel, kwargs={"force": force}, daemon=True).start()

    def _run(self, step: Step) -> None:
        fault = ""
        try:
            with self.cluster.changed:
                cancelled = step.force is not None
            code = 1 if cancelled else self._run_program(step)
            fault = step.running.last_words if step.running and code else ""
        except ComputeError as error:
            code, fault = 1, str(error)
        except Exception as error:
            code, fault = 1, f"The rehearsal failed to run it: {error!r}"
        self._ended(step, code, fault)

    def _run_program(self, step: Step) -> int:
        program = self.compute.run(step.program)
        with self.cluster.changed:
            step.running = program
            force = step.force
        if force is not None:
            program.cancel(force=force)
        return program.wait()

    def _ended(self, step: Step, code: int, fault: str) -> None:
        with self.cluster.changed:
            if step.state not in STARTED:
                return
            if step.force is not None:
                self.cluster.let(step, "CANCELLED", message="Cancelled by user")
            elif code == 0:
                self.cluster.let(step, "COMPLETED")
            else:
                fault = fault or f"The step ended with exit code {code}."
                step.failure = {"Reason": "Unknown Error.", "Message": fault}
                if uri := self.cluster.spec.log_uri:
                    step.failure["LogFile"] = f"{uri}{self.cluster.id}/steps/{step.id}/stderr.gz"
                self.cluster.let(step, "FAILED")
                self._follow_failure(step)

    def _follow_failure(self, step: Step) -> None:
        if step.on_failure in ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"):
            self.cluster.end(Ending("STEP_FAILURE", "Shut down as step failed"))
        elif step.on_failure != "CONTINUE":
            for waiting in self.cluster.active_steps:
                self.cluster.let(waiting, "CANCELLED", message="Cancelled as an earlier step failed")


def interrupt_steps(cluster: Cluster) -> None:
    """Cancel the steps that wait and interrupt those that run, as the cluster ends."""
    with cluster.changed:
        for step in cluster.active_steps:
            state = "CANCELLED" if step.state == "PENDING" else "INTERRUPTED"
            cluster.let(step, state, message="Job terminated")
