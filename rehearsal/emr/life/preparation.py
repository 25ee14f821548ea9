"""What an instance goes through from its request until it works: EC2, bootstrap actions, YARN."""

import threading

from rehearsal.emr.compute import Compute, ComputeError
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.state.ending import bootstrap_failure, internal_error
from rehearsal.emr.state.instance import Instance
from rehearsal.emr.state.pool import Pool
from rehearsal.emr.timings import Timings


class InstanceFailedError(Exception):
    """An instance that does not come up; code and message become its state's reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Preparation:
    """Prepares a cluster's instances, each in a thread of its own.

    The first instances are bootstrapped together, once all are there; later ones go on at once. YARN's
    ResourceManager starts beside the primary node's bootstrap actions; the others join it after theirs.
    """

    def __init__(self, cluster: Cluster, compute: Compute, timings: Timings) -> None:
        self._cluster = cluster
        self._compute = compute
        self._timings = timings
        self._primary_up = False

    def begin(self, pool: Pool, instance: Instance) -> None:
        """Start preparing an instance and return at once."""
        thread = threading.Thread(
            target=self._prepare,
            args=(pool, instance),
            daemon=True,
            name=f"{self._cluster.id} {instance.ec2_id}",
        )
        thread.start()

    def _prepare(self, pool: Pool, instance: Instance) -> None:
        try:
            self._provision(instance)
            self._bootstrap(instance)
            self._cluster.set_instance_state(instance, "RUNNING")
            pool.failures = 0
        except InstanceFailedError as error:
            self._failed(pool, instance, error)
        except ComputeError as error:
            self._failed(pool, instance, InstanceFailedError("INSTANCE_FAILURE", str(error)))
        except Exception as error:
            self._failed(pool, instance, InstanceFailedError("INTERNAL_ERROR", repr(error)))

    def _provision(self, instance: Instance) -> None:
        cluster = self._cluster
        cluster.set_instance_state(instance, "PROVISIONING")
        with cluster.changed:
            cluster.changed.wait_for(lambda: cluster.ending is not None, self._timings.provision)
        self._compute.provision(instance.node)
        with cluster.changed:
            instance.provisioned = True
            cluster.notify()
            cluster.changed.wait_for(lambda: cluster.state != "STARTING" or cluster.ending is not None)

    def _bootstrap(self, instance: Instance) -> None:
        if self._cluster.ending:
            return
        self._cluster.set_instance_state(instance, "BOOTSTRAPPING")
        if instance is self._cluster.primary():
            threading.Thread(target=self._start_yarn, args=(instance,), daemon=True).start()
        for number, action in enumerate(self._cluster.bootstrap_actions, 1):
            try:
                code = self._compute.bootstrap(instance.node, number, action)
            except ComputeError as error:
                raise InstanceFailedError(
                    "BOOTSTRAP_FAILURE", f"bootstrap action {number} failed: {error}"
                ) from error
            if code:
                raise InstanceFailedError(
                    "BOOTSTRAP_FAILURE", f"bootstrap action {number} returned a non-zero return code"
                )
            if not instance.counts:
                return
        self._join(instance)

    def _start_yarn(self, primary: Instance) -> None:
        try:
            self._compute.start(primary.node)
        except ComputeError as error:
            self._cluster.end(internal_error(str(error)))
        except Exception as error:
            self._cluster.end(internal_error(repr(error)))
        with self._cluster.changed:
            self._primary_up = True
            self._cluster.notify()

    def _join(self, instance: Instance) -> None:
        cluster = self._cluster
        with cluster.changed:
            cluster.changed.wait_for(lambda: self._primary_up or cluster.ending is not None)
        if instance.role != "MASTER" and instance.counts and not cluster.ending:
            self._compute.join(instance.node)

    def _failed(self, pool: Pool, instance: Instance, error: InstanceFailedError) -> None:
        cluster = self._cluster
        cluster.set_instance_state(instance, "TERMINATED", error.code, error.message)
        pool.failures += 1
        if cluster.ending:
            return
        if cluster.ready is None:
            primary = instance.role == "MASTER"
            if error.code == "BOOTSTRAP_FAILURE":
                cluster.end(bootstrap_failure(primary, instance.ec2_id, error.message))
            else:
                cluster.end(internal_error(f"Instance {instance.ec2_id} did not start: {error.message}"))
        else:
            self._compute.lose(instance.node)
