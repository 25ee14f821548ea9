"""What EMR asks of the other services of an account: the border between EMR and the emulated AWS."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rehearsal.emr.state.cluster import Cluster


@dataclass(frozen=True)
class Network:
    """Where a cluster's instances start.

    Attributes:
        vpc_id: Of its virtual private cloud, empty when the subnet is not known.
        public: Whether instances get public addresses.
    """

    vpc_id: str
    public: bool


class Surroundings:
    """An account with nothing but EMR: it allows everything, and knows no subnet."""

    def network(self, region: str, subnet_id: str | None) -> Network:
        """Return where instances start; without a subnet, in the default network, which is public."""
        return Network("", public=subnet_id is None)

    def security_group(self, region: str, network: Network, name: str) -> str:
        """Return the id of the network's security group of that name, made if there is none."""
        return f"sg-{hashlib.sha256(f'{region} {network.vpc_id} {name}'.encode()).hexdigest()[:17]}"

    def launch_refusal(self, cluster: Cluster) -> str:
        """Return what EC2 says to the service role that asks it for a cluster's instances; empty: yes."""
        return ""

    def allows_spot(self, region: str, service_role: str) -> bool:
        """Return whether Spot's service-linked role is there, or made now by a service role that may."""
        return True
