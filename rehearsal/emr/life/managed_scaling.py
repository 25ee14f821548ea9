"""EMR's managed scaling: containers that wait bring nodes, nodes without containers leave.

Sources: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-managed-scaling.html and
https://docs.aws.amazon.com/emr/latest/ManagementGuide/managed-scaling-allocation-strategy.html
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rehearsal.emr.cluster import MANAGED_SCALING, Cluster
from rehearsal.emr.compute import Demand, Role
from rehearsal.emr.conditions import Timings
from rehearsal.emr.life.resizing import Resizing
from rehearsal.emr.parts import MARKETS, Instance, Pool, units

# The first release whose managed scaling looks at node labels.
FIRST_WITH_LABELS = (7, 2)
ROLES: tuple[Role, ...] = ("TASK", "CORE")
# `ComputeLimits` of a policy, for core and task nodes together, in units of fleets or in instances.
Limits = Mapping[str, int]


@dataclass
class ManagedScaling:
    """Changes the targets of one cluster's core and task pools, one node at a time.

    Task nodes come first and leave first: they hold no data. Where labels keep application masters on core
    nodes, core nodes come for masters that wait, and task nodes for executors.
    """

    cluster: Cluster
    resizing: Resizing
    timings: Timings
    _waiting_since: dict[Role, float] = field(default_factory=dict)

    def adapt(self, demand: Demand) -> None:
        """Add or take away one node if the cluster's policy and what YARN is asked for now want it."""
        with self.cluster.changed:
            policy = self.cluster.policies.get(MANAGED_SCALING)
            if not policy:
                return
            limits, now = policy["ComputeLimits"], time.monotonic()
            present = [one for one in self.cluster.instances if one.counts and one.role != "MASTER"]
            for instance in present:
                busy = demand.containers_by_instance.get(instance.ec2_id, 0) or instance.state != "RUNNING"
                instance.idle_since = None if busy else instance.idle_since or now
            # For nodes of which roles containers wait; while a node is coming, none has waited.
            containers = {"TASK": demand.pending_containers, "CORE": demand.pending_containers}
            if _masters_on_core(self.cluster):
                masters = demand.pending_masters
                containers = {"TASK": demand.pending_containers - masters, "CORE": masters}
            waiting = [role for role in ROLES if containers[role] > 0]
            coming = any(instance.state != "RUNNING" for instance in present)
            self._waiting_since = {role: self._waiting_since.get(role, now) for role in waiting if not coming}
            patience = self.timings.scale_out_after
            wanted = [role for role, since in self._waiting_since.items() if now - since >= patience]
            if units(present) < limits["MinimumCapacityUnits"]:
                self._add(limits, present, ROLES)
            elif wanted:
                self._add(limits, present, wanted)
            else:
                self._remove(limits, present, [role for role in ROLES if role not in waiting])

    def _add(self, limits: Limits, present: list[Instance], roles: Sequence[Role]) -> None:
        for pool in self._pools(roles):
            # The market that a pool prefers first; a group has one alone.
            others = [market for market in MARKETS if pool.kind == "fleet" and market != pool.market]
            for market in (pool.market, *others):
                if _allows(limits, present, pool.new_instance(market, self.cluster.region)):
                    pool.targets[market] += pool.units_each
                    self._waiting_since = {}
                    self.cluster.notify()
                    return

    def _remove(self, limits: Limits, present: list[Instance], roles: Sequence[Role]) -> None:
        since = time.monotonic() - self.timings.scale_in_after
        # https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-hdfs-config.html
        copies = int(self.cluster.configurations.get("hdfs-site", {}).get("dfs.replication", 1))
        last_core = sum(instance.role == "CORE" for instance in present) <= copies
        for pool in self._pools(roles):
            for instance in self.cluster.of_pool(pool):
                idle = instance.running and instance.idle_since is not None and instance.idle_since <= since
                needed = units(present) - instance.units < limits["MinimumCapacityUnits"]
                if idle and not needed and not (last_core and pool.role == "CORE"):
                    pool.targets[instance.market] = max(0, pool.targets[instance.market] - instance.units)
                    self.resizing.take_away(instance, "Managed scaling took the idle instance away.")
                    return

    def _pools(self, roles: Sequence[Role]) -> list[Pool]:
        pools = [
            pool
            for pool in self.cluster.pools
            if pool.role in roles and not pool.suspended and not pool.refusal
        ]
        return sorted(pools, key=lambda pool: roles.index(pool.role))


def _allows(limits: Limits, present: list[Instance], more: Instance) -> bool:
    """Return whether one more fits beside those present; a limit that is not given is the maximum."""
    instances, most = [*present, more], limits["MaximumCapacityUnits"]
    on_demand = [instance for instance in instances if instance.market == "ON_DEMAND"]
    core = [instance for instance in instances if instance.role == "CORE"]
    return (
        units(instances) <= most
        and units(on_demand) <= limits.get("MaximumOnDemandCapacityUnits", most)
        and units(core) <= limits.get("MaximumCoreCapacityUnits", most)
    )


def _masters_on_core(cluster: Cluster) -> bool:
    """Return whether node labels keep application masters on core nodes, so that scaling looks at them."""
    yarn = cluster.configurations.get("yarn-site", {})
    major, minor = cluster.request["ReleaseLabel"].removeprefix("emr-").split(".")[:2]
    return (
        yarn.get("yarn.node-labels.enabled") == "true"
        and yarn.get("yarn.node-labels.am.default-node-label-expression") == "CORE"
        and (int(major), int(minor)) >= FIRST_WITH_LABELS
    )
