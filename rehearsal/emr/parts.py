"""The parts of a cluster: its fleets or groups, instances and steps, each with a state and its reason."""

import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from rehearsal.emr.compute import Node, Program, Role, RunningProgram
from rehearsal.emr.conditions import CLOCK

ALPHABET = string.ascii_uppercase + string.digits


def new_id(prefix: str) -> str:
    """Return an id of EMR: the prefix (`j` of a cluster, `s` of a step), `-`, and 13 capitals and digits."""
    return f"{prefix}-" + "".join(secrets.choice(ALPHABET) for _ in range(13))


def dns_name(address: str, region: str, *, public: bool) -> str:
    """Return the DNS name that EC2 gives to an address."""
    first = region == "us-east-1"
    if public:
        domain = f"{'compute-1' if first else f'{region}.compute'}.amazonaws.com"
    else:
        domain = "ec2.internal" if first else f"{region}.compute.internal"
    return f"{'ec2' if public else 'ip'}-{address.replace('.', '-')}.{domain}"


READY = ("RUNNING", "WAITING")
ENDED = (
    *("TERMINATED", "TERMINATED_WITH_ERRORS"),  # clusters, pools and instances
    *("COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED"),  # steps
)


@dataclass(kw_only=True)
class Part:
    """A cluster, a fleet or group, an instance or a step; times are epoch seconds, None until they come."""

    state: str
    code: str = ""  # the reason of its state, as EMR shows it; empty without one
    message: str = ""
    created: float = field(default_factory=CLOCK.now)
    ready: float | None = None  # when it first worked
    ended: float | None = None


@dataclass(frozen=True)
class Ending:
    """The reason of a cluster's last state."""

    code: str  # https://docs.aws.amazon.com/emr/latest/APIReference/API_ClusterStateChangeReason.html
    message: str
    failed: bool = True  # whether the cluster ends as TERMINATED_WITH_ERRORS instead of TERMINATED


USER_REQUEST = Ending("USER_REQUEST", "Terminated by user request", failed=False)
Market = Literal["ON_DEMAND", "SPOT"]


@dataclass(kw_only=True)
class Instance(Part):
    """One EC2 instance."""

    pool_id: str  # id of its fleet or group
    role: Role
    type: str
    market: Market
    units: int  # how much of its fleet's target it meets; 1 in a group
    region: str
    public_address: str = ""  # empty outside a public subnet
    id: str = field(default_factory=lambda: new_id("ci"))
    ec2_id: str = field(default_factory=lambda: f"i-{secrets.token_hex(9)[:17]}")
    # Within 10.0.0.0/16, as EC2 gives in a network of that range.
    address: str = field(
        default_factory=lambda: f"10.0.{secrets.randbelow(256)}.{4 + secrets.randbelow(250)}"
    )
    state: str = "AWAITING_FULFILLMENT"
    leaving: bool = False  # whether it has been asked to leave and counts no more
    provisioned: bool = False  # whether it has its folder
    idle_since: float | None = None  # when it was first seen without containers, since its last one

    @property
    def counts(self) -> bool:
        """Whether it meets its pool's target, now or soon."""
        return self.state != "TERMINATED" and not self.leaving

    @property
    def running(self) -> bool:
        return self.state == "RUNNING" and not self.leaving

    @property
    def host(self) -> str:
        return dns_name(self.address, self.region, public=False)

    @property
    def public_host(self) -> str:
        return dns_name(self.public_address, self.region, public=True) if self.public_address else ""

    @property
    def node(self) -> Node:
        return Node(self.ec2_id, self.role)


def units(instances: Iterable[Instance]) -> int:
    """Return how much of a target these instances meet together."""
    return sum(instance.units for instance in instances)


MARKETS: tuple[Market, ...] = ("ON_DEMAND", "SPOT")
# EMR gives up on instances that fail one after the other; after how many it does not say.
FAILURES_BEFORE_SUSPENSION = 3


@dataclass(kw_only=True)
class Pool(Part):
    """A fleet or a group."""

    id: str
    kind: Literal["fleet", "group"]
    role: Role
    config: dict[str, Any]  # `InstanceFleetConfig` or `InstanceGroupConfig` as it stands in the request
    targets: dict[Market, int]  # units wanted of each market; in a group, instances
    instance_type: str
    units_each: int  # how many units one instance is worth
    state: str = "PROVISIONING"
    refusal: str = ""  # what EC2 said when it did not start another instance, empty when it started all
    refused_since: float = 0.0  # when it first said so, in seconds of the monotonic clock
    failures: int = 0  # how many instances failed since the last one that did not

    @property
    def name(self) -> str:
        """Its name in the request, else one after its role."""
        return str(self.config.get("Name") or f"{self.role.title()} instance {self.kind}")

    @property
    def suspended(self) -> bool:
        """Whether EMR has given up on it."""
        return self.failures >= FAILURES_BEFORE_SUSPENSION

    @property
    def market(self) -> Market:
        """The market of a group; the one that a fleet prefers for more instances."""
        spot = self.config.get("Market") == "SPOT" or self.config.get("TargetSpotCapacity")
        return "SPOT" if spot else "ON_DEMAND"

    def new_instance(self, market: Market, region: str) -> Instance:
        """Return one more instance; of a fleet, always of the first type of its configuration."""
        return Instance(
            pool_id=self.id,
            role=self.role,
            type=self.instance_type,
            market=market,
            units=self.units_each,
            region=region,
        )


STARTED = ("CANCEL_PENDING", "RUNNING")
ACTIVE = ("PENDING", *STARTED)


@dataclass(kw_only=True)
class Step(Part):
    """One step."""

    config: dict[str, Any]  # `StepConfig` as it stands in the request
    id: str = field(default_factory=lambda: new_id("s"))
    state: str = "PENDING"
    running: RunningProgram | None = None  # its program, once it has been started
    force: bool | None = None  # whether a cancellation kills it; None: it is not cancelled
    failure: dict[str, str] | None = None  # `FailureDetails`, once it has failed

    @property
    def name(self) -> str:
        return str(self.config["Name"])

    @property
    def on_failure(self) -> str:
        """What becomes of the cluster when the step fails."""
        return str(self.config.get("ActionOnFailure", "TERMINATE_CLUSTER"))

    @property
    def program(self) -> Program:
        jar = self.config["HadoopJarStep"]
        return Program(
            step_id=self.id,
            jar=jar["Jar"],
            arguments=tuple(jar.get("Args", ())),
            main_class=jar.get("MainClass"),
            properties={pair["Key"]: pair.get("Value", "") for pair in jar.get("Properties", [])},
        )
