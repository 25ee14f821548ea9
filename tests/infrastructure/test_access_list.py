"""The network ACL: remote shells stay closed whatever a security group says, and answers come through."""

import pytest
from aws_cdk import App, Stack
from aws_cdk.aws_ec2 import Vpc

from infra.network.cluster_network import access_list
from tests.infrastructure.synthesis import Template

EVERYWHERE = "0.0.0.0/0"
TCP, ALL = 6, -1


@pytest.fixture(scope="module")
def template() -> Template:
    stack = Stack(App(analytics_reporting=False), "network")
    access_list(stack, Vpc(stack, "Vpc", max_azs=2, nat_gateways=1))
    return Template.from_stack(stack)


def entries(template: Template, egress: bool) -> list[dict]:
    found = template.find_resources("AWS::EC2::NetworkAclEntry").values()
    return [one["Properties"] for one in found if one["Properties"].get("Egress", False) is egress]


def test_nobody_outside_reaches_the_ports_of_remote_shells(template) -> None:
    """From everywhere only TCP comes in, on ranges that hold neither 22 nor 3389."""
    from_everywhere = [one for one in entries(template, egress=False) if one["CidrBlock"] == EVERYWHERE]
    assert {one["Protocol"] for one in from_everywhere} == {TCP}
    for port in (22, 3389):
        assert not [
            one for one in from_everywhere if one["PortRange"]["From"] <= port <= one["PortRange"]["To"]
        ]


def test_answers_come_in_on_every_other_port_that_clients_take(template) -> None:
    """1024 to 65535, as a NAT gateway takes them, but for 3389."""
    ranges = sorted(
        (one["PortRange"]["From"], one["PortRange"]["To"])
        for one in entries(template, egress=False)
        if one["CidrBlock"] == EVERYWHERE
    )
    assert ranges == [(1024, 3388), (3390, 65535)]


def test_inside_the_vpc_and_outwards_everything_passes(template) -> None:
    """The security groups decide there."""
    inside = [one for one in entries(template, egress=False) if one["CidrBlock"] != EVERYWHERE]
    assert [one["Protocol"] for one in inside] == [ALL]
    assert [(one["Protocol"], one["CidrBlock"]) for one in entries(template, egress=True)] == [
        (ALL, EVERYWHERE)
    ]


def test_every_subnet_is_behind_the_list(template) -> None:
    """Public and private ones; none is left to the VPC's default list."""
    subnets = template.find_resources("AWS::EC2::Subnet")
    behind = template.find_resources("AWS::EC2::SubnetNetworkAclAssociation").values()
    assert {one["Properties"]["SubnetId"]["Ref"] for one in behind} == set(subnets)
