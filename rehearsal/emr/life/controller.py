"""One cluster's life, in a thread of its own: it starts, works and ends."""

import logging
import threading
import time
from collections.abc import Callable

from rehearsal.emr.compute import ClusterSpec, Compute, ComputeError, Demand
from rehearsal.emr.life.managed_scaling import ManagedScaling
from rehearsal.emr.life.preparation import Preparation
from rehearsal.emr.life.resizing import Resizing
from rehearsal.emr.life.shutdown import shut_down
from rehearsal.emr.life.step_runner import StepRunner
from rehearsal.emr.life.yarn_slots import YarnSlots
from rehearsal.emr.state.cluster import READY, Cluster
from rehearsal.emr.state.ending import PRIMARY_LOST, STEPS_COMPLETED, idle, internal_error
from rehearsal.emr.state.instance import Instance
from rehearsal.emr.state.step import Step
from rehearsal.emr.timings import Timings

logger = logging.getLogger(__name__)
NO_DEMAND = Demand(0, {})


class Controller:
    """The control plane of one cluster.

    Attributes:
        cluster: What it controls.
    """

    def __init__(
        self,
        cluster: Cluster,
        spec: ClusterSpec,
        make_compute: Callable[[ClusterSpec], Compute],
        timings: Timings,
        slots: YarnSlots,
    ) -> None:
        self.cluster = cluster
        self._spec = spec
        self._make_compute = make_compute
        self._timings = timings
        self._slots = slots
        self._compute: Compute | None = None
        self._runner: StepRunner | None = None
        self._idle_since: float | None = None
        self._thread = threading.Thread(target=self._live, daemon=True, name=cluster.id)

    def begin(self) -> None:
        """Start the cluster's life; returns at once."""
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """Wait for its end; False when it has not come in `timeout` seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def cancel_step(self, step: Step, *, force: bool) -> None:
        """End a step that waits or runs; the caller holds the cluster's lock."""
        if self._runner:
            self._runner.cancel(step, force=force)
        else:
            self.cluster.set_step_state(step, "CANCELLED", "Cancelled by user")

    def lose(self, instance: Instance, message: str) -> None:
        """An instance is gone at once; its pool replaces it if it still wants it."""
        self.cluster.set_instance_state(instance, "TERMINATED", "INSTANCE_FAILURE", message)
        if self._compute:
            self._compute.lose(instance.node)

    def _live(self) -> None:
        place = self._slots.take(self.cluster) if self._spec.runs_yarn else False
        try:
            if not self.cluster.ending:
                self._compute = self._make_compute(self._spec)
                self._work(self._compute)
        except ComputeError as error:
            self.cluster.end(internal_error(str(error)))
        except Exception as error:
            logger.exception("cluster %s", self.cluster.id)
            self.cluster.end(internal_error(repr(error)))
        shut_down(self.cluster, self._compute)
        if place:
            self._slots.release()

    def _work(self, compute: Compute) -> None:
        self._runner = StepRunner(self.cluster, compute)
        resizing = Resizing(self.cluster, compute, Preparation(self.cluster, compute, self._timings))
        scaling = ManagedScaling(self.cluster, resizing, self._timings)
        while not self.cluster.ending:
            with self.cluster.changed:
                seen = self.cluster.version
                resizing.reconcile()
            self._advance()
            if self.cluster.state in READY:
                self._runner.start_due()
                self._replace_dead(compute)
                demand = self._demand(compute)
                if demand:
                    scaling.look(demand)
                self._rest(demand)
            self._wait_for_change(seen)

    def _advance(self) -> None:
        """From STARTING to BOOTSTRAPPING to ready, as the instances come."""
        cluster = self.cluster
        with cluster.changed:
            members = [each for each in cluster.instances if each.state != "TERMINATED"]
            if cluster.state == "STARTING" and all(each.provisioned for each in members):
                cluster.set_state("BOOTSTRAPPING")
            if cluster.state == "BOOTSTRAPPING" and all(each.state == "RUNNING" for each in members):
                cluster.set_state("RUNNING" if cluster.active_steps else self._without_steps())

    def _without_steps(self) -> str:
        if not self.cluster.keep_alive:
            self.cluster.ready = self.cluster.ready or time.time()
            self.cluster.end(STEPS_COMPLETED)
            return self.cluster.state
        return "WAITING"

    def _rest(self, demand: Demand | None) -> None:
        """RUNNING while there are steps, else WAITING, until it has idled long enough.

        Args:
            demand: None: not known, so the cluster does not count as idle.
        """
        cluster = self.cluster
        with cluster.changed:
            if cluster.ending:
                return
            cluster.set_state("RUNNING" if cluster.active_steps else self._without_steps())
            works = demand is None or any(demand.containers_by_instance.values())
            busy = cluster.state != "WAITING" or works
            self._idle_since = None if busy else self._idle_since or time.monotonic()
            policy = cluster.auto_termination
            if policy and self._idle_since is not None and not cluster.protected:
                timeout = policy["IdleTimeout"]
                if time.monotonic() - self._idle_since >= timeout * self._timings.idle_second:
                    cluster.end(idle(timeout))

    def _replace_dead(self, compute: Compute) -> None:
        """Nodes whose processes are gone are lost, and replaced; a primary node ends the cluster."""
        if not self._spec.runs_yarn:
            return
        for instance in [each for each in self.cluster.instances if each.running]:
            if compute.is_alive(instance.node) or not instance.running:
                continue
            if instance.role == "MASTER":
                self.cluster.end(PRIMARY_LOST)
                return
            self.lose(instance, f"The processes of instance {instance.ec2_id} ended.")

    def _demand(self, compute: Compute) -> Demand | None:
        """What YARN is asked for; None when it does not answer in time, as on a machine under load."""
        if not self._spec.runs_yarn:
            return NO_DEMAND
        try:
            return compute.demand()
        except (ComputeError, OSError) as error:
            logger.warning("cluster %s: YARN does not tell its demand: %s", self.cluster.id, error)
            return None

    def _wait_for_change(self, seen: int) -> None:
        cluster = self.cluster
        timed = cluster.runs_yarn or cluster.auto_termination
        with cluster.changed:
            cluster.changed.wait_for(
                lambda: cluster.version != seen or cluster.ending is not None,
                self._timings.tick if timed else None,
            )
