"""One cluster: its request, its parts, its state, and the lock that guards them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rehearsal.emr.compute import BootstrapAction, ClusterSpec
from rehearsal.emr.conditions import CLOCK
from rehearsal.emr.parts import ACTIVE, ENDED, READY, Ending, Instance, Part, Pool, Step, new_id

MANAGED_SCALING, AUTO_TERMINATION = "ManagedScalingPolicy", "AutoTerminationPolicy"


@dataclass(kw_only=True)
class Cluster(Part):
    """One cluster; whoever reads or writes what changes holds `changed`, and every change notifies it."""

    request: dict[str, Any]  # RunJobFlow's, as it stands
    account: str
    region: str
    # Called when the cluster or a step has entered a state; must not block.
    announce: Callable[[Cluster, Subject], None]
    id: str = field(default_factory=lambda: new_id("j"))
    state: str = "STARTING"
    ending: Ending | None = None  # why it is to end, once it is
    public: bool = False  # whether its instances have public addresses
    # Those that EMR manages, as `Ec2InstanceAttributes` names them.
    security_groups: dict[str, str] = field(default_factory=dict)
    security_configuration: str = "{}"  # the text of the one that its request names
    runs_yarn: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    # Those in force, by the names that the API gives them.
    policies: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    pools: list[Pool] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    version: int = 0  # number of changes so far

    @property
    def name(self) -> str:
        return str(self.request["Name"])

    @property
    def arn(self) -> str:
        return f"arn:aws:elasticmapreduce:{self.region}:{self.account}:cluster/{self.id}"

    @property
    def keep_alive(self) -> bool:
        """Whether it outlives its steps."""
        return bool(self.request["Instances"].get("KeepJobFlowAliveWhenNoSteps"))

    @property
    def uses_fleets(self) -> bool:
        return self.pools[0].kind == "fleet"

    @property
    def subnet_ids(self) -> list[str]:
        """The subnets that were asked for; it starts in the first."""
        instances = self.request["Instances"]
        one = [instances["Ec2SubnetId"]] if instances.get("Ec2SubnetId") else []
        return instances.get("Ec2SubnetIds") or one

    @property
    def configurations(self) -> dict[str, dict[str, str]]:
        return _by_classification(self.request.get("Configurations", []))

    @property
    def spec(self) -> ClusterSpec:
        log_uri = self.request.get("LogUri")
        uri = log_uri.replace("s3n://", "s3://").rstrip("/") + "/" if log_uri else None
        return ClusterSpec(self.id, self.configurations, uri, self.runs_yarn)

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
        return [instance for instance in self.instances if instance.pool_id == pool.id]

    def primary(self) -> Instance | None:
        """Return its primary node, None before there is one."""
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

    def let(self, part: Part, state: str, code: str = "", message: str = "") -> None:
        """Let a part of it, or itself, enter a state; what has ended stays as it is."""
        with self.changed:
            if state == part.state or part.state in ENDED:
                return
            part.state, part.code, part.message = state, code, message
            if state in READY and part.ready is None:
                part.ready = CLOCK.now()
            if state in ENDED:
                part.ended = CLOCK.now()
            if isinstance(part, Subject):
                self.announce(self, part)
            self.notify()


# What an announcement is about.
Subject = Cluster | Step


def _by_classification(configurations: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Return each classification's properties; a nested `export` counts to the classification around it."""
    merged: dict[str, dict[str, str]] = {}
    for configuration in configurations:
        properties = merged.setdefault(configuration["Classification"], {})
        properties.update(configuration.get("Properties", {}))
        for classification, inner in _by_classification(configuration.get("Configurations", [])).items():
            target = properties if classification == "export" else merged.setdefault(classification, {})
            target.update(inner)
    return merged
