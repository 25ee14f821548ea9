"""One instance of a cluster: what it is, in which state, and since when."""

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from rehearsal.emr.compute import Node, Role
from rehearsal.emr.identifiers import (
    new_id,
    new_instance_id,
    new_private_address,
    new_volume_id,
    private_name,
)

Market = Literal["ON_DEMAND", "SPOT"]


@dataclass
class Instance:
    """One EC2 instance; times are epoch seconds, None until they come.

    Attributes:
        pool_id: Of its fleet or group.
        units: How much of its fleet's target it meets; 1 in a group.
        volumes: How many EBS volumes it has.
        leaving: It has been asked to leave and counts no more.
        provisioned: It has its folder.
        idle_since: When it was first seen without containers, since its last one.
    """

    pool_id: str
    role: Role
    type: str
    market: Market
    units: int
    region: str
    volumes: int
    id: str = field(default_factory=lambda: new_id("ci"))
    ec2_id: str = field(default_factory=new_instance_id)
    address: str = field(default_factory=new_private_address)
    state: str = "AWAITING_FULFILLMENT"
    code: str = ""
    message: str = ""
    created: float = field(default_factory=time.time)
    ready: float | None = None
    ended: float | None = None
    leaving: bool = False
    provisioned: bool = False
    idle_since: float | None = None

    def __post_init__(self) -> None:
        self.volume_ids = [new_volume_id() for _ in range(self.volumes)]

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
        return private_name(self.address, self.region)

    @property
    def node(self) -> Node:
        """As the machine knows it."""
        return Node(instance_id=self.ec2_id, role=self.role, instance_type=self.type, host=self.host)

    def seconds(self) -> float:
        """How long it has been there."""
        return (self.ended or time.time()) - self.created

    def describe(self, *, of_fleet: bool) -> dict[str, Any]:
        """As ListInstances shows it."""
        return {
            "Id": self.id,
            "Ec2InstanceId": self.ec2_id,
            "PublicDnsName": "",
            "PrivateDnsName": self.host,
            "PrivateIpAddress": self.address,
            "Status": {
                "State": self.state,
                "StateChangeReason": reason(self.code, self.message),
                "Timeline": timeline(self.created, self.ready, self.ended),
            },
            "InstanceFleetId" if of_fleet else "InstanceGroupId": self.pool_id,
            "Market": self.market,
            "InstanceType": self.type,
            "EbsVolumes": [
                {"Device": f"/dev/sd{chr(ord('b') + number)}", "VolumeId": volume}
                for number, volume in enumerate(self.volume_ids)
            ],
        }


def reason(code: str, message: str) -> dict[str, str]:
    """A state's reason, without what is empty."""
    told = {"Code": code, "Message": message}
    return {name: text for name, text in told.items() if text}


def timeline(created: float, ready: float | None, ended: float | None) -> dict[str, float | None]:
    """Times of an instance, a fleet, a group or a cluster."""
    return {"CreationDateTime": created, "ReadyDateTime": ready, "EndDateTime": ended}
