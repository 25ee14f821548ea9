"""What EMR asks of the other services of an account, and when EC2 refuses instances."""

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from infra.config.instances import instance_types
from rehearsal.emr.cluster import Cluster
from rehearsal.emr.conditions import Conditions
from rehearsal.emr.parts import Instance


class Network(NamedTuple):
    """Where a cluster's instances start."""

    vpc_id: str  # of its virtual private cloud, empty when the subnet is not known
    public: bool  # whether instances get public addresses


class Surroundings:
    """An account with nothing but EMR: it allows everything, and knows no subnet."""

    def network(self, region: str, subnet_id: str | None) -> Network:
        """Return where instances start; without a subnet, in the default network, which is public."""
        return Network("", public=subnet_id is None)

    def security_group(self, region: str, network: Network, name: str) -> str:
        """Return the id of the network's security group of that name, made if there is none."""
        return f"sg-{hashlib.sha256(f'{region} {network.vpc_id} {name}'.encode()).hexdigest()[:17]}"

    def launch_refusal(self, cluster: Cluster) -> str:
        """Return why EC2 refuses the service role a cluster's instances; empty: it does not."""
        return ""

    def allows_spot(self, region: str, service_role: str) -> bool:
        """Return whether Spot's service-linked role is there, or made now by a service role that may."""
        return True


# The families whose vCPU the two quotas count: "Standard (A, C, D, H, I, M, R, T, Z)".
# https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
STANDARD = tuple("acdhimrtz")
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
NO_SPOT_ROLE = (
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted: The provided credentials do not have permission to "
    "create the service-linked role for EC2 Spot Instances."
)
TOO_MUCH_SPOT = "MaxSpotInstanceCountExceeded: Max spot instance count exceeded"
TOO_MUCH_ON_DEMAND = (
    "VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of {quota} allows "
    "for the instance bucket that the specified instance type belongs to. Please visit "
    "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
)


# Adds an instance to a cluster, or returns why EC2 refuses it; empty: it starts.
Launch = Callable[[Cluster, Instance], str]


def beyond_quota(instance: Instance, others: Iterable[Instance], conditions: Conditions) -> str:
    """Return why EC2 refuses one more instance beside the others of an account and region, or nothing."""
    spot = instance.market == "SPOT"
    quota = conditions.spot_vcpu if spot else conditions.on_demand_vcpu
    used = sum(
        vcpus(other.type)
        for other in [*others, instance]
        if other.market == instance.market and other.state != "TERMINATED" and other.type.startswith(STANDARD)
    )
    if used <= quota or not instance.type.startswith(STANDARD):
        return ""
    return TOO_MUCH_SPOT if spot else TOO_MUCH_ON_DEMAND.format(quota=quota)


def vcpus(instance_type: str) -> int:
    """Return the virtual processors of a type; of an unknown one by its size: 4 of an `xlarge`."""
    if known := instance_types().get(instance_type):
        return known.vcpu
    multiple = re.search(r"(\d*)xlarge$", instance_type)
    return 4 * int(multiple[1] or 1) if multiple else 2
