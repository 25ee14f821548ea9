"""Keeps the instances of each fleet and group at what is wanted, and its state true to that."""

import threading
import time

from rehearsal.emr.compute import Compute
from rehearsal.emr.identifiers import new_public_address
from rehearsal.emr.life.launching import TOO_MUCH_SPOT, Launching
from rehearsal.emr.life.preparation import Preparation
from rehearsal.emr.state.capacity import wanted_units
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.state.ending import fleet_timeout, launch_refused
from rehearsal.emr.state.instance import Instance, Market
from rehearsal.emr.state.pool import MARKETS, Pool
from rehearsal.emr.timings import Timings


class Resizing:
    """Launches and takes away instances of one cluster."""

    def __init__(
        self,
        cluster: Cluster,
        compute: Compute,
        preparation: Preparation,
        launching: Launching,
        timings: Timings,
    ) -> None:
        self._cluster = cluster
        self._launching = launching
        self._timings = timings
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
        refusals = [self._fill(pool, market) for market in MARKETS]
        pool.note_refusal(next(filter(None, refusals), ""))
        if pool.refusal and self._cluster.ready is None:
            self._give_way(pool)

    def _fill(self, pool: Pool, market: Market) -> str:
        """Start what is missing of a market; return what EC2 says when it starts no more."""
        while wanted_units(self._cluster.of_pool(pool))[market] < pool.targets[market]:
            instance = pool.new_instance(market, self._cluster.region)
            if self._cluster.public:
                instance.public_address = new_public_address()
            if refusal := self._launching.launch(self._cluster, instance):
                return refusal
            self._preparation.begin(pool, instance)
        return ""

    def _give_way(self, pool: Pool) -> None:
        """Do what a fleet wants when it gets too few Spot instances at the start, or end the cluster.

        Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_SpotProvisioningSpecification.html
        """
        specification = pool.config.get("LaunchSpecifications", {}).get("SpotSpecification")
        if pool.refusal != TOO_MUCH_SPOT or not specification:
            self._cluster.end(launch_refused(pool.refusal))
            return
        seconds = specification["TimeoutDurationMinutes"] * self._timings.provisioning_minute
        if time.monotonic() - pool.refused_since < seconds:
            return
        if specification["TimeoutAction"] == "TERMINATE_CLUSTER":
            self._cluster.end(fleet_timeout(pool.role))
            return
        missing = pool.targets["SPOT"] - wanted_units(self._cluster.of_pool(pool))["SPOT"]
        pool.targets["SPOT"] -= missing
        pool.targets["ON_DEMAND"] += missing
        self._cluster.notify()

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
        if all(member.running for member in members) and not pool.refusal:
            return "RUNNING"
        if pool.ready:
            return "RESIZING"
        return (
            "BOOTSTRAPPING" if any(member.state == "BOOTSTRAPPING" for member in members) else "PROVISIONING"
        )
