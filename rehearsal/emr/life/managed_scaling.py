"""EMR's managed scaling: containers that wait bring nodes, nodes without containers leave."""

import time

from rehearsal.emr.compute import Demand
from rehearsal.emr.life.resizing import Resizing
from rehearsal.emr.life.scaling_limits import ScalingLimits
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.state.instance import Instance, Market
from rehearsal.emr.state.pool import MARKETS, Pool
from rehearsal.emr.timings import Timings


class ManagedScaling:
    """Changes the targets of one cluster's core and task pools, one node at a time.

    Task nodes come first and leave first: they hold no data.
    """

    def __init__(self, cluster: Cluster, resizing: Resizing, timings: Timings) -> None:
        self._cluster = cluster
        self._resizing = resizing
        self._timings = timings
        self._waiting_since: float | None = None

    def look(self, demand: Demand) -> None:
        """Act on what YARN is asked for now; the cluster has a policy."""
        with self._cluster.changed:
            if not self._cluster.managed_scaling:
                return
            limits = ScalingLimits.of(self._cluster.managed_scaling)
            present = self._present()
            self._note_idle(demand, present)
            if limits.used(present) < limits.least or self._is_wanted(demand, present):
                self._add(limits, present)
            elif not demand.pending_containers:
                self._remove(limits, present)

    def _present(self) -> list[Instance]:
        return [each for each in self._cluster.instances if each.counts and each.role != "MASTER"]

    def _note_idle(self, demand: Demand, present: list[Instance]) -> None:
        now = time.monotonic()
        for instance in present:
            busy = demand.containers_by_instance.get(instance.ec2_id, 0) or instance.state != "RUNNING"
            instance.idle_since = None if busy else instance.idle_since or now

    def _is_wanted(self, demand: Demand, present: list[Instance]) -> bool:
        """Whether containers have waited long enough, and no node is coming that could take them."""
        now = time.monotonic()
        if not demand.pending_containers or not all(each.state == "RUNNING" for each in present):
            self._waiting_since = None
            return False
        self._waiting_since = self._waiting_since or now
        return now - self._waiting_since >= self._timings.scale_out_after

    def _add(self, limits: ScalingLimits, present: list[Instance]) -> None:
        for pool in self._pools("TASK", "CORE"):
            for market in self._markets(pool):
                if limits.allow(present, pool.launch(market, self._cluster.region)):
                    pool.targets[market] += pool.units_each
                    self._waiting_since = None
                    self._cluster.notify()
                    return

    def _remove(self, limits: ScalingLimits, present: list[Instance]) -> None:
        now = time.monotonic()
        used = limits.used(present)
        for pool in self._pools("TASK", "CORE"):
            for instance in self._cluster.of_pool(pool):
                idle = instance.running and instance.idle_since is not None
                if not idle or now - (instance.idle_since or now) < self._timings.scale_in_after:
                    continue
                if used - limits.weight(instance) >= limits.least and not self._is_last_core(
                    instance, present
                ):
                    pool.targets[instance.market] = max(0, pool.targets[instance.market] - instance.units)
                    self._resizing.take_away(instance, "Managed scaling took the idle instance away.")
                    return

    def _is_last_core(self, instance: Instance, present: list[Instance]) -> bool:
        return instance.role == "CORE" and sum(each.role == "CORE" for each in present) == 1

    def _pools(self, *roles: str) -> list[Pool]:
        pools = [pool for pool in self._cluster.pools if pool.role in roles and not pool.suspended]
        return sorted(pools, key=lambda pool: roles.index(pool.role))

    def _markets(self, pool: Pool) -> list[Market]:
        """The market that a pool prefers first; a group has one alone."""
        if pool.kind == "group":
            return [pool.market]
        return sorted(MARKETS, key=lambda market: market != pool.market)
