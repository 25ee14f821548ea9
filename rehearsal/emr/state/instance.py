"""One instance of a cluster: what it is, in which state, and since when."""

from dataclasses import dataclass, field
from typing import Literal

from rehearsal.emr.clock import CLOCK
from rehearsal.emr.compute import Node, Role
from rehearsal.emr.identifiers import (
    new_ec2_id,
    new_id,
    new_private_address,
    private_dns_name,
    public_dns_name,
)

Market = Literal["ON_DEMAND", "SPOT"]


@dataclass
class Instance:
    """One EC2 instance; times are epoch seconds, None until they come.

    Attributes:
        pool_id: Id of its fleet or group.
        units: How much of its fleet's target it meets; 1 in a group.
        volumes: How many EBS volumes it has.
        public_address: Empty outside a public subnet.
        leaving: Whether it has been asked to leave and counts no more.
        provisioned: Whether it has its folder.
        idle_since: When it was first seen without containers, since its last one.
    """

    pool_id: str
    role: Role
    type: str
    market: Market
    units: int
    region: str
    volumes: int
    public_address: str = ""
    id: str = field(default_factory=lambda: new_id("ci"))
    ec2_id: str = field(default_factory=lambda: new_ec2_id("i"))
    address: str = field(default_factory=new_private_address)
    state: str = "AWAITING_FULFILLMENT"
    code: str = ""
    message: str = ""
    created: float = field(default_factory=CLOCK.now)
    ready: float | None = None
    ended: float | None = None
    leaving: bool = False
    provisioned: bool = False
    idle_since: float | None = None

    def __post_init__(self) -> None:
        self.volume_ids = [new_ec2_id("vol") for _ in range(self.volumes)]

    @property
    def counts(self) -> bool:
        """Whether it meets its pool's target, now or soon."""
        return self.state != "TERMINATED" and not self.leaving

    @property
    def running(self) -> bool:
        """Whether it works and stays."""
        return self.state == "RUNNING" and not self.leaving

    @property
    def host(self) -> str:
        """Its private DNS name."""
        return private_dns_name(self.address, self.region)

    @property
    def public_host(self) -> str:
        """Its public DNS name, empty outside a public subnet."""
        return public_dns_name(self.public_address, self.region) if self.public_address else ""

    @property
    def node(self) -> Node:
        """The instance as the machine knows it."""
        return Node(instance_id=self.ec2_id, role=self.role, instance_type=self.type, host=self.host)

    def seconds(self) -> float:
        """Return how long it has been there, in seconds."""
        return (self.ended or CLOCK.now()) - self.created
