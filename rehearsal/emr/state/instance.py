"""One instance of a cluster: what it is, in which state, and since when."""

from dataclasses import dataclass, field
from typing import Literal

from rehearsal.emr.compute import Node, Role
from rehearsal.emr.identifiers import dns_name, new_ec2_id, new_id, new_private_address
from rehearsal.emr.state.part import Part

Market = Literal["ON_DEMAND", "SPOT"]


@dataclass(kw_only=True)
class Instance(Part):
    """One EC2 instance.

    Attributes:
        pool_id: Id of its fleet or group.
        units: How much of its fleet's target it meets; 1 in a group.
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
    public_address: str = ""
    id: str = field(default_factory=lambda: new_id("ci"))
    ec2_id: str = field(default_factory=new_ec2_id)
    address: str = field(default_factory=new_private_address)
    state: str = "AWAITING_FULFILLMENT"
    leaving: bool = False
    provisioned: bool = False
    idle_since: float | None = None

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
        return dns_name(self.address, self.region, public=False)

    @property
    def public_host(self) -> str:
        """Its public DNS name, empty outside a public subnet."""
        return dns_name(self.public_address, self.region, public=True) if self.public_address else ""

    @property
    def node(self) -> Node:
        """The instance as the machine knows it."""
        return Node(self.ec2_id, self.role)
