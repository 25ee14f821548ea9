"""One cluster's life, in a thread of its own: it starts, runs its steps one after the other, and ends."""

import logging
import threading
from dataclasses import dataclass

from rehearsal.emr.cluster import AUTO_TERMINATION, Cluster
from rehearsal.emr.compute import Compute, ComputeError, ComputeFactory, Demand
from rehearsal.emr.conditions import CLOCK, Timings
from rehearsal.emr.life.launching import Launch
from rehearsal.emr.life.managed_scaling import ManagedScaling
from rehearsal.emr.life.resizing import Resizing
from rehearsal.emr.parts import READY, STARTED, Ending, Instance, Step

logger = logging.getLogger(__name__)


@dataclass
class Controller:
    """The control plane of one cluster."""

    cluster: Cluster
    make_compute: ComputeFactory
    timings: Timings
    launch: Launch
    # As many as clusters may run YARN at once: each takes memory of this machine.
    yarn_places: threading.Semaphore
    _compute: Compute | None = None
    _idle_since: float | None = None

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._live, daemon=True, name=self.cluster.id)

    def lose(self, instance: Instance, message: str) -> None:
        """Lose an instance at once; its pool replaces it if it still wants it."""
        self.cluster.let(instance, "TERMINATED", "INSTANCE_FAILURE", message)
        if self._compute:
            self._compute.lose(instance.node)

    def _live(self) -> None:
        cluster, has_place = self.cluster, False
        while cluster.runs_yarn and not has_place and not cluster.ending:
            # An ending wakes nobody here, hence the short waits.
            has_place = self.yarn_places.acquire(timeout=0.1)
        try:
            if not cluster.ending:
                self._compute = self.make_compute(cluster.spec)
                self._work(self._compute)
        except ComputeError as error:
            cluster.end(Ending("INTERNAL_ERROR", str(error)))
        except Exception as error:
            logger.exception("cluster %s", cluster.id)
            cluster.end(Ending("INTERNAL_ERROR", repr(error)))
        _shut_down(cluster, self._compute)
        if has_place:
            self.yarn_places.release()

    def _work(self, compute: Compute) -> None:
        cluster = self.cluster
        resizing = Resizing(cluster, compute, self.launch, self.timings)
        scaling = ManagedScaling(cluster, resizing, self.timings)
        while not cluster.ending:
            with cluster.changed:
                seen = cluster.version
                resizing.reconcile()
                self._advance()
            if cluster.state in READY:
                with cluster.changed:
                    step = next(iter(cluster.active_steps), None)
                    if step and step.state == "PENDING" and not cluster.ending:
                        cluster.let(step, "RUNNING")
                        runs = (cluster, compute, step)
                        threading.Thread(target=_run, args=runs, daemon=True, name=step.id).start()
                self._replace_dead(compute)
                demand: Demand | None = None
                try:
                    demand = compute.demand()
                except (ComputeError, OSError) as error:  # late, as on a machine under load
                    logger.warning("cluster %s: YARN does not say its demand: %s", cluster.id, error)
                else:
                    scaling.adapt(demand)
                self._rest(demand)
            timed = (
                cluster.runs_yarn
                or cluster.policies.get(AUTO_TERMINATION)
                or any(pool.refusal for pool in cluster.pools)
            )
            with cluster.changed:
                if cluster.version == seen and not cluster.ending:
                    cluster.changed.wait(self.timings.tick if timed else None)

    def _advance(self) -> None:
        """Go from STARTING to BOOTSTRAPPING to ready, as the instances come; the caller holds the lock."""
        cluster = self.cluster
        members = [instance for instance in cluster.instances if instance.state != "TERMINATED"]
        waits = cluster.ending or any(pool.refusal for pool in cluster.pools)
        if cluster.state == "STARTING" and not waits and all(member.provisioned for member in members):
            cluster.let(cluster, "BOOTSTRAPPING")
        if cluster.state == "BOOTSTRAPPING" and all(instance.state == "RUNNING" for instance in members):
            cluster.let(cluster, "RUNNING" if cluster.active_steps else self._without_steps())
            self._idle_since = CLOCK.now() if cluster.state == "WAITING" else None

    def _without_steps(self) -> str:
        if not self.cluster.keep_alive:
            self.cluster.ready = self.cluster.ready or CLOCK.now()
            self.cluster.end(Ending("ALL_STEPS_COMPLETED", "Steps completed", failed=False))
            return self.cluster.state
        return "WAITING"

    def _rest(self, demand: Demand | None) -> None:
        """Be RUNNING while there are steps, else WAITING, until the cluster has idled long enough.

        While its demand is not known (None), the cluster does not count as idle.
        """
        cluster = self.cluster
        with cluster.changed:
            if cluster.ending:
                return
            cluster.let(cluster, "RUNNING" if cluster.active_steps else self._without_steps())
            works = demand is None or any(demand.containers_by_instance.values())
            busy = cluster.state != "WAITING" or works
            self._idle_since = None if busy else self._idle_since or CLOCK.now()
            policy = cluster.policies.get(AUTO_TERMINATION)
            if policy and self._idle_since is not None:
                timeout = policy["IdleTimeout"]
                if CLOCK.now() - self._idle_since >= timeout * self.timings.idle_second:
                    # EMR does not document its words.
                    message = f"Terminated by its auto-termination policy: idle for {timeout} seconds"
                    cluster.end(Ending("USER_REQUEST", message, failed=False))

    def _replace_dead(self, compute: Compute) -> None:
        """Lose the nodes whose processes are gone; the loss of a primary node ends the cluster."""
        for instance in [instance for instance in self.cluster.instances if instance.running]:
            if compute.is_alive(instance.node) or not instance.running:
                continue
            if instance.role == "MASTER":
                self.cluster.end(Ending("INSTANCE_FAILURE", "The master node was terminated."))
                return
            self.lose(instance, f"The processes of instance {instance.ec2_id} ended.")


def _shut_down(cluster: Cluster, compute: Compute | None) -> None:
    """End what a cluster has; the reason of its end says which of the two last states it enters."""
    cluster.let(cluster, "TERMINATING")
    with cluster.changed:
        for step in cluster.active_steps:
            state = "CANCELLED" if step.state == "PENDING" else "INTERRUPTED"
            cluster.let(step, state, message="Job terminated")
    for pool in cluster.pools:
        cluster.let(pool, "TERMINATING", pool.code, pool.message)
    try:
        if compute:
            compute.stop()
    except Exception:
        # The cluster ends all the same; the log says what is left of it.
        logger.exception("cluster %s did not stop in peace", cluster.id)
    for instance in cluster.instances:
        cluster.let(instance, "TERMINATED", "CLUSTER_TERMINATED", "Cluster was terminated.")
    for pool in cluster.pools:
        cluster.let(pool, "TERMINATED", "CLUSTER_TERMINATED", "Cluster terminated.")
    failed = cluster.ending is not None and cluster.ending.failed
    cluster.let(cluster, "TERMINATED_WITH_ERRORS" if failed else "TERMINATED")


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
    code, fault = 1, ""
    try:
        with cluster.changed:
            cancelled = step.force is not None
        if not cancelled:
            program = compute.run(step.program)
            with cluster.changed:
                step.running, force = program, step.force
            if force is not None:
                program.cancel(force=force)
            code = program.wait()
            fault = program.last_words if code else ""
    except ComputeError as error:
        code, fault = 1, str(error)
    except Exception as error:
        code, fault = 1, f"The rehearsal failed to run it: {error!r}"
    _ended(cluster, step, code, fault)


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
            if step.on_failure in ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"):
                cluster.end(Ending("STEP_FAILURE", "Shut down as step failed"))
            elif step.on_failure != "CONTINUE":
                for waiting in cluster.active_steps:
                    cluster.let(waiting, "CANCELLED", message="Cancelled as an earlier step failed")
