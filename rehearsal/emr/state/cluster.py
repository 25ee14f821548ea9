"""One cluster: its request, its parts, its state, and the lock that guards them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rehearsal.emr.clock import CLOCK
from rehearsal.emr.compute import BootstrapAction
from rehearsal.emr.identifiers import new_id
from rehearsal.emr.state.ending import Ending
from rehearsal.emr.state.instance import Instance
from rehearsal.emr.state.pool import Pool
from rehearsal.emr.state.step import ACTIVE, Step

READY = ("RUNNING", "WAITING")
ENDED = ("TERMINATED", "TERMINATED_WITH_ERRORS")


@dataclass
class Cluster:
    """One cluster; whoever reads or writes what changes holds `changed`, and every change notifies it.

    Attributes:
        request: RunJobFlow's, as it stands.
        public: Whether its instances have public addresses.
        security_groups: Those that EMR manages, as `Ec2InstanceAttributes` names them.
        security_configuration: The text of the one that its request names.
        announce: Called when the cluster or a step has entered a state; must not block.
        ending: Why it is to end, once it is.
        managed_scaling: The policy in force, None without one.
        auto_termination: The policy in force, None without one.
        version: Number of changes so far.
    """

    request: dict[str, Any]
    account: str
    region: str
    announce: Callable[[Cluster, Subject], None]
    id: str = field(default_factory=lambda: new_id("j"))
    created: float = field(default_factory=CLOCK.now)
    ready: float | None = None
    ended: float | None = None
    state: str = "STARTING"
    ending: Ending | None = None
    keep_alive: bool = False
    protected: bool = False
    visible: bool = True
    unhealthy_replacement: bool = False
    public: bool = False
    security_groups: dict[str, str] = field(default_factory=dict)
    security_configuration: str = "{}"
    step_concurrency: int = 1
    runs_yarn: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    managed_scaling: dict[str, Any] | None = None
    auto_termination: dict[str, Any] | None = None
    pools: list[Pool] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    version: int = 0

    @property
    def name(self) -> str:
        """Its name in the request."""
        return str(self.request["Name"])

    @property
    def arn(self) -> str:
        """Its Amazon resource name."""
        return f"arn:aws:elasticmapreduce:{self.region}:{self.account}:cluster/{self.id}"

    @property
    def uses_fleets(self) -> bool:
        """Whether it has instance fleets, not groups."""
        return any(pool.kind == "fleet" for pool in self.pools)

    @property
    def subnet_ids(self) -> list[str]:
        """The subnets that were asked for; it starts in the first."""
        instances = self.request["Instances"]
        one = [instances["Ec2SubnetId"]] if instances.get("Ec2SubnetId") else []
        return instances.get("Ec2SubnetIds") or one

    @property
    def bootstrap_actions(self) -> list[BootstrapAction]:
        """What every instance runs first, in order."""
        return [
            BootstrapAction(action["Name"], script["Path"], tuple(script.get("Args", ())))
            for action in self.request.get("BootstrapActions", [])
            for script in [action["ScriptBootstrapAction"]]
        ]

    @property
    def active_steps(self) -> list[Step]:
        """Steps that wait or run, in order."""
        return [step for step in self.steps if step.state in ACTIVE]

    def of_pool(self, pool: Pool) -> list[Instance]:
        """Return the instances that a fleet or group has and had."""
        return [instance for instance in self.instances if instance.pool_id == pool.id]

    def primary(self) -> Instance | None:
        """Return its first primary node, None before there is one."""
        return next((instance for instance in self.instances if instance.role == "MASTER"), None)

    def notify(self) -> None:
        """Wake whoever waits for a change; the caller holds `changed`."""
        self.version += 1
        self.changed.notify_all()

    def end(self, ending: Ending) -> None:
        """Ask it to end; the first reason stands."""
        with self.changed:
            if self.ending is None and self.state not in ENDED:
                self.ending = ending
            self.notify()

    def set_state(self, state: str) -> None:
        """Enter a state, announce it and note the time."""
        with self.changed:
            if state == self.state:
                return
            self.state = state
            if state in READY and self.ready is None:
                self.ready = CLOCK.now()
            if state in ENDED:
                self.ended = CLOCK.now()
            self.announce(self, self)
            self.notify()

    def set_step_state(self, step: Step, state: str, message: str = "") -> None:
        """Let a step enter a state."""
        with self.changed:
            step.state, step.message = state, message
            if state == "RUNNING":
                step.started = CLOCK.now()
            elif state not in ACTIVE:
                step.ended = CLOCK.now()
            self.announce(self, step)
            self.notify()

    def add_step(self, step: Step) -> None:
        """Add a step, which is pending."""
        with self.changed:
            self.steps.append(step)
            self.announce(self, step)
            self.notify()

    def set_instance_state(self, instance: Instance, state: str, code: str = "", message: str = "") -> None:
        """Let an instance enter a state, unless it is terminated already."""
        with self.changed:
            if instance.state == "TERMINATED":
                return
            instance.state, instance.code, instance.message = state, code, message
            if state == "RUNNING":
                instance.ready = CLOCK.now()
            elif state == "TERMINATED":
                instance.ended = CLOCK.now()
            self.notify()

    def set_pool_state(self, pool: Pool, state: str) -> None:
        """Let a fleet or group enter a state."""
        with self.changed:
            if state == pool.state:
                return
            pool.state = state
            if state == "RUNNING" and pool.ready is None:
                pool.ready = CLOCK.now()
            elif state == "TERMINATED":
                pool.ended = CLOCK.now()
            self.notify()


# What an announcement is about.
Subject = Cluster | Step
