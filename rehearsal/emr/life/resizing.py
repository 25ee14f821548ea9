"""Keeps the instances of each fleet and group at what is wanted, and its state true to that."""

import threading
import time
from dataclasses import dataclass

from rehearsal.emr.cluster import Cluster
from rehearsal.emr.compute import Compute
from rehearsal.emr.conditions import Timings
from rehearsal.emr.life.launching import TOO_MUCH_SPOT, Launching
from rehearsal.emr.life.preparation import Preparation
from rehearsal.emr.parts import MARKETS, Ending, Instance, Market, Pool, new_public_address


@dataclass
class Resizing:
    """Launches and takes away instances of one cluster."""

    cluster: Cluster
    compute: Compute
    preparation: Preparation
    launching: Launching
    timings: Timings

    def reconcile(self) -> None:
        """Begin what every fleet and group needs now to have what is wanted."""
        with self.cluster.changed:
            for pool in self.cluster.pools:
                self._shrink(pool)
                if not pool.suspended:
                    self._grow(pool)
                self.cluster.let(pool, self._state(pool), pool.code, pool.message)

    def take_away(self, instance: Instance, message: str) -> None:
        """Let one instance begin to leave; it counts no more."""
        with self.cluster.changed:
            instance.leaving = True
            self.cluster.notify()
        threading.Thread(target=self._leave, args=(instance, message), daemon=True).start()

    def _grow(self, pool: Pool) -> None:
        refusals = [self._fill(pool, market) for market in MARKETS]
        pool.note_refusal(next(filter(None, refusals), ""))
        if pool.refusal and self.cluster.ready is None:
            self._give_way(pool)

    def _fill(self, pool: Pool, market: Market) -> str:
        """Start what is missing of a market; return what EC2 says when it starts no more."""
        while self._wanted(pool, market) < pool.targets[market]:
            instance = pool.new_instance(market, self.cluster.region)
            if self.cluster.public:
                instance.public_address = new_public_address()
            if refusal := self.launching.launch(self.cluster, instance):
                return refusal
            self.preparation.begin(pool, instance)
        return ""

    def _wanted(self, pool: Pool, market: Market) -> int:
        """Return the units of a market that run or come, and stay."""
        return sum(one.units for one in self.cluster.of_pool(pool) if one.counts and one.market == market)

    def _give_way(self, pool: Pool) -> None:
        """Do what a fleet wants when it gets too few Spot instances at the start, or end the cluster.

        Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_SpotProvisioningSpecification.html
        Which code EMR shows for a quota or a missing role is not documented; this one is for what the account
        has not:
        https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-troubleshoot-error-errordetail-validation.html
        """
        specification = pool.config.get("LaunchSpecifications", {}).get("SpotSpecification")
        if pool.refusal != TOO_MUCH_SPOT or not specification:
            self.cluster.end(Ending("VALIDATION_ERROR", pool.refusal))
            return
        seconds = specification["TimeoutDurationMinutes"] * self.timings.provisioning_minute
        if time.monotonic() - pool.refused_since < seconds:
            return
        if specification["TimeoutAction"] == "TERMINATE_CLUSTER":
            message = f"The {pool.role} instance fleet timed out"
            self.cluster.end(Ending("INSTANCE_FLEET_TIMEOUT", message))
            return
        missing = pool.targets["SPOT"] - self._wanted(pool, "SPOT")
        pool.targets["SPOT"] -= missing
        pool.targets["ON_DEMAND"] += missing
        self.cluster.notify()

    def _shrink(self, pool: Pool) -> None:
        for market in MARKETS:
            members = [
                instance
                for instance in self.cluster.of_pool(pool)
                if instance.counts and instance.market == market
            ]
            excess = self._wanted(pool, market) - pool.targets[market]
            # The youngest first: they have done the least.
            for instance in sorted(members, key=lambda member: member.created, reverse=True):
                if excess < instance.units:
                    break
                excess -= instance.units
                self.take_away(instance, f"The instance {pool.kind} was resized.")

    def _leave(self, instance: Instance, message: str) -> None:
        try:
            self.compute.leave(instance.node)
        except Exception as error:
            message = f"{message} It did not leave in peace: {error}"
        self.cluster.let(instance, "TERMINATED", message=message)

    def _state(self, pool: Pool) -> str:
        if pool.suspended:
            return "SUSPENDED" if pool.kind == "fleet" else "ARRESTED"
        members = [member for member in self.cluster.of_pool(pool) if member.state != "TERMINATED"]
        if all(member.running for member in members) and not pool.refusal:
            return "RUNNING"
        if pool.ready:
            return "RESIZING"
        bootstraps = any(member.state == "BOOTSTRAPPING" for member in members)
        return "BOOTSTRAPPING" if bootstraps else "PROVISIONING"
