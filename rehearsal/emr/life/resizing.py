"""Keeps the instances of each fleet and group at what is wanted: EC2, bootstrap actions, YARN, their end."""

import secrets
import threading
import time
from dataclasses import dataclass

from rehearsal.emr.cluster import Cluster
from rehearsal.emr.compute import Compute, ComputeError
from rehearsal.emr.conditions import Timings
from rehearsal.emr.life.launching import TOO_MUCH_SPOT, Launch
from rehearsal.emr.parts import MARKETS, Ending, Instance, Market, Pool, units


class BootstrapError(Exception):
    """A bootstrap action failed; the message becomes the state's reason."""


@dataclass
class Resizing:
    """Launches, prepares and takes away instances of one cluster, each in a thread of its own.

    The first instances are bootstrapped together, once all are there; later ones go on at once. YARN's
    ResourceManager starts beside the primary node's bootstrap actions; the others join it after theirs.
    """

    cluster: Cluster
    compute: Compute
    launch: Launch
    timings: Timings
    _primary_up: bool = False

    def reconcile(self) -> None:
        """Begin what every fleet and group needs now to have what is wanted."""
        with self.cluster.changed:
            for pool in self.cluster.pools:
                self._shrink(pool)
                if not pool.suspended:
                    refusals = [self._fill(pool, market) for market in MARKETS]
                    refusal = next(filter(None, refusals), "")
                    if not refusal:
                        pool.code = pool.message = ""
                    elif refusal != pool.refusal:
                        pool.code, pool.message = "VALIDATION_ERROR", refusal
                        pool.refused_since = time.monotonic()
                    pool.refusal = refusal
                    if refusal and self.cluster.ready is None:
                        self._give_way(pool)
                self.cluster.let(pool, self._state(pool), pool.code, pool.message)

    def take_away(self, instance: Instance, message: str) -> None:
        """Let one instance begin to leave; it counts no more."""

        def leave() -> None:
            said = message
            try:
                self.compute.leave(instance.node)
            except Exception as error:
                said = f"{message} It did not leave in peace: {error}"
            self.cluster.let(instance, "TERMINATED", message=said)

        with self.cluster.changed:
            instance.leaving = True
            self.cluster.notify()
        threading.Thread(target=leave, daemon=True).start()

    def _fill(self, pool: Pool, market: Market) -> str:
        """Start the missing instances of a market; return why EC2 refuses one, empty when all start."""
        while units(self._members(pool, market)) < pool.targets[market]:
            instance = pool.new_instance(market, self.cluster.region)
            if self.cluster.public:  # one that documentation may use, so that nobody is reached by it
                instance.public_address = f"203.0.113.{secrets.randbelow(256)}"
            if refusal := self.launch(self.cluster, instance):
                return refusal
            threading.Thread(target=self._prepare, args=(pool, instance), daemon=True).start()
        return ""

    def _members(self, pool: Pool, market: Market) -> list[Instance]:
        """Return the instances of a market that run or come, and stay."""
        return [one for one in self.cluster.of_pool(pool) if one.counts and one.market == market]

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
        missing = pool.targets["SPOT"] - units(self._members(pool, "SPOT"))
        pool.targets["SPOT"] -= missing
        pool.targets["ON_DEMAND"] += missing
        self.cluster.notify()

    def _shrink(self, pool: Pool) -> None:
        for market in MARKETS:
            members = self._members(pool, market)
            excess = units(members) - pool.targets[market]
            # The youngest first: they have done the least.
            for instance in sorted(members, key=lambda member: member.created, reverse=True):
                if excess < instance.units:
                    break
                excess -= instance.units
                self.take_away(instance, f"The instance {pool.kind} was resized.")

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

    def _prepare(self, pool: Pool, instance: Instance) -> None:
        cluster = self.cluster
        try:
            cluster.let(instance, "PROVISIONING")
            self.compute.provision(instance.node)
            with cluster.changed:
                instance.provisioned = True
                cluster.notify()
                cluster.changed.wait_for(lambda: cluster.state != "STARTING" or cluster.ending is not None)
            if not cluster.ending:
                self._bootstrap(instance)
            cluster.let(instance, "RUNNING")
            pool.failures = 0
        except BootstrapError as error:
            self._failed(pool, instance, "BOOTSTRAP_FAILURE", str(error))
        except ComputeError as error:
            self._failed(pool, instance, "INSTANCE_FAILURE", str(error))
        except Exception as error:
            self._failed(pool, instance, "INTERNAL_ERROR", repr(error))

    def _bootstrap(self, instance: Instance) -> None:
        cluster = self.cluster
        cluster.let(instance, "BOOTSTRAPPING")
        if instance is cluster.primary():
            threading.Thread(target=self._start_yarn, args=(instance,), daemon=True).start()
        for number, action in enumerate(cluster.bootstrap_actions, 1):
            try:
                code = self.compute.bootstrap(instance.node, number, action)
            except ComputeError as error:
                raise BootstrapError(f"bootstrap action {number} failed: {error}") from error
            if code:
                raise BootstrapError(f"bootstrap action {number} returned a non-zero return code")
            if not instance.counts:
                return
        with cluster.changed:
            cluster.changed.wait_for(lambda: self._primary_up or cluster.ending is not None)
        if instance.role != "MASTER" and instance.counts and not cluster.ending:
            self.compute.join(instance.node)

    def _start_yarn(self, primary: Instance) -> None:
        try:
            self.compute.start(primary.node)
        except Exception as error:
            message = str(error) if isinstance(error, ComputeError) else repr(error)
            self.cluster.end(Ending("INTERNAL_ERROR", message))
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
