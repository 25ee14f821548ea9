"""The subnets' network ACL: what stands before the security groups, and has no port for remote shells."""

from aws_cdk.aws_ec2 import AclCidr, AclTraffic, Action, NetworkAcl, SubnetSelection, TrafficDirection, Vpc
from constructs import Construct

# A network ACL has no state: answers to connections from inside come in on these ports. A NAT gateway takes
# any from 1024 up; 3389 (remote desktops) is left out: one connection in 64,000 is tried again.
# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html#nacl-ephemeral-ports
ANSWER_PORTS = ((1024, 3388), (3390, 65535))
FIRST_NUMBER, STEP = 100, 10


class SubnetAccessList(Construct):
    """Inside the VPC everything; from outside only answers by TCP, never to 22 or 3389; outwards everything.

    It takes the place of the VPC's default list, which admits everything and which no stack can change.
    """

    def __init__(self, scope: Construct, construct_id: str, *, vpc: Vpc) -> None:
        super().__init__(scope, construct_id)
        everywhere = SubnetSelection(subnets=[*vpc.public_subnets, *vpc.private_subnets])
        self._acl = NetworkAcl(self, "List", vpc=vpc, subnet_selection=everywhere)
        inward = [(AclCidr.ipv4(vpc.vpc_cidr_block), AclTraffic.all_traffic())]
        inward += [(AclCidr.any_ipv4(), AclTraffic.tcp_port_range(*ports)) for ports in ANSWER_PORTS]
        for index, (cidr, traffic) in enumerate(inward):
            self._allow(f"In{index}", TrafficDirection.INGRESS, cidr, traffic, index)
        self._allow("Out", TrafficDirection.EGRESS, AclCidr.any_ipv4(), AclTraffic.all_traffic(), 0)

    def _allow(
        self, name: str, direction: TrafficDirection, cidr: AclCidr, traffic: AclTraffic, index: int
    ) -> None:
        self._acl.add_entry(
            name,
            cidr=cidr,
            traffic=traffic,
            direction=direction,
            rule_number=FIRST_NUMBER + STEP * index,
            rule_action=Action.ALLOW,
        )
