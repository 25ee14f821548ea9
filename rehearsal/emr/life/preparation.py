"""What an instance goes through from its request until it works: EC2, bootstrap actions, YARN."""

import threading
from dataclasses import dataclass

from rehearsal.emr.cluster import Cluster
from rehearsal.emr.compute import Compute, ComputeError
from rehearsal.emr.parts import Ending, Instance, Pool


class BootstrapError(Exception):
    """A bootstrap action failed; the message becomes the state's reason."""


@dataclass
class Preparation:
    """Prepares a cluster's instances, each in a thread of its own.

    The first instances are bootstrapped together, once all are there; later ones go on at once. YARN's
    ResourceManager starts beside the primary node's bootstrap actions; the others join it after theirs.
    """

    cluster: Cluster
    compute: Compute
    _primary_up: bool = False

    def begin(self, pool: Pool, instance: Instance) -> None:
        """Start preparing an instance and return at once."""
        threading.Thread(target=self._prepare, args=(pool, instance), daemon=True).start()

    def _prepare(self, pool: Pool, instance: Instance) -> None:
        try:
            self._provision(instance)
            self._bootstrap(instance)
            self.cluster.let(instance, "RUNNING")
            pool.failures = 0
        except BootstrapError as error:
            self._failed(pool, instance, "BOOTSTRAP_FAILURE", str(error))
        except ComputeError as error:
            self._failed(pool, instance, "INSTANCE_FAILURE", str(error))
        except Exception as error:
            self._failed(pool, instance, "INTERNAL_ERROR", repr(error))

    def _provision(self, instance: Instance) -> None:
        cluster = self.cluster
        cluster.let(instance, "PROVISIONING")
        self.compute.provision(instance.node)
        with cluster.changed:
            instance.provisioned = True
            cluster.notify()
            cluster.changed.wait_for(lambda: cluster.state != "STARTING" or cluster.ending is not None)

    def _bootstrap(self, instance: Instance) -> None:
        if self.cluster.ending:
            return
        self.cluster.let(instance, "BOOTSTRAPPING")
        if instance is self.cluster.primary():
            threading.Thread(target=self._start_yarn, args=(instance,), daemon=True).start()
        for number, action in enumerate(self.cluster.bootstrap_actions, 1):
            try:
                code = self.compute.bootstrap(instance.node, number, action)
            except ComputeError as error:
                raise BootstrapError(f"bootstrap action {number} failed: {error}") from error
            if code:
                raise BootstrapError(f"bootstrap action {number} returned a non-zero return code")
            if not instance.counts:
                return
        cluster = self.cluster
        with cluster.changed:
            cluster.changed.wait_for(lambda: self._primary_up or cluster.ending is not None)
        if instance.role != "MASTER" and instance.counts and not cluster.ending:
            self.compute.join(instance.node)

    def _start_yarn(self, primary: Instance) -> None:
        try:
            self.compute.start(primary.node)
        except ComputeError as error:
            self.cluster.end(Ending("INTERNAL_ERROR", str(error)))
        except Exception as error:
            self.cluster.end(Ending("INTERNAL_ERROR", repr(error)))
        with self.cluster.changed:
            self._primary_up = True
            self.cluster.notify()

    def _failed(self, pool: Pool, instance: Instance, code: str, message: str) -> None:
        cluster, ec2_id = self.cluster, instance.ec2_id
        cluster.let(instance, "TERMINATED", code, message)
        pool.failures += 1
        if cluster.ending:
            return
        if cluster.ready:
            self.compute.lose(instance.node)
        elif code == "BOOTSTRAP_FAILURE":
            primary = instance.role == "MASTER"
            place = f"the master instance ({ec2_id})" if primary else f"1 slave instance (including {ec2_id})"
            cluster.end(Ending(code, f"On {place}, {message}"))
        else:
            cluster.end(Ending("INTERNAL_ERROR", f"Instance {ec2_id} did not start: {message}"))
