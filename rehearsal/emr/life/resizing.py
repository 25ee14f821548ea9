"""Keeps the instances of each fleet and group at what is wanted, and its state true to that."""

import threading

from rehearsal.emr.compute import Compute
from rehearsal.emr.life.preparation import Preparation
from rehearsal.emr.state.capacity import wanted_units
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.state.instance import Instance
from rehearsal.emr.state.pool import MARKETS, Pool


class Resizing:
    """Launches and takes away instances of one cluster."""

    def __init__(self, cluster: Cluster, compute: Compute, preparation: Preparation) -> None:
        self._cluster = cluster
        self._compute = compute
        self._preparation = preparation

    def reconcile(self) -> None:
        """Begin what every fleet and group needs now to have what is wanted."""
        with self._cluster.changed:
            for pool in self._cluster.pools:
                self._shrink(pool)
                if not pool.suspended:
                    self._grow(pool)
                self._cluster.set_pool_state(pool, self._state(pool))

    def take_away(self, instance: Instance, message: str) -> None:
        """Let one instance begin to leave; it counts no more."""
        with self._cluster.changed:
            instance.leaving = True
            self._cluster.notify()
        threading.Thread(target=self._leave, args=(instance, message), daemon=True).start()

    def _grow(self, pool: Pool) -> None:
        for market in MARKETS:
            while wanted_units(self._cluster.of_pool(pool))[market] < pool.targets[market]:
                instance = pool.new_instance(market, self._cluster.region)
                self._cluster.instances.append(instance)
                self._preparation.begin(pool, instance)

    def _shrink(self, pool: Pool) -> None:
        for market in MARKETS:
            members = [
                instance
                for instance in self._cluster.of_pool(pool)
                if instance.counts and instance.market == market
            ]
            # Those that the caller names, then the youngest: they have done the least.
            members.sort(
                key=lambda member: (member.ec2_id in pool.leaving_first, member.created), reverse=True
            )
            excess = sum(member.units for member in members) - pool.targets[market]
            for instance in members:
                if excess < instance.units:
                    break
                excess -= instance.units
                self.take_away(instance, f"The instance {pool.kind} was resized.")

    def _leave(self, instance: Instance, message: str) -> None:
        try:
            self._compute.leave(instance.node)
        except Exception as error:
            message = f"{message} It did not leave in peace: {error}"
        self._cluster.set_instance_state(instance, "TERMINATED", message=message)

    def _state(self, pool: Pool) -> str:
        if pool.suspended:
            return "SUSPENDED" if pool.kind == "fleet" else "ARRESTED"
        members = [member for member in self._cluster.of_pool(pool) if member.state != "TERMINATED"]
        if all(member.running for member in members):
            return "RUNNING"
        if pool.ready:
            return "RESIZING"
        return (
            "BOOTSTRAPPING" if any(member.state == "BOOTSTRAPPING" for member in members) else "PROVISIONING"
        )
