"""Where instances start: their names and addresses, and the security groups that EMR manages."""

from typing import Any

import pytest

from rehearsal.emr.errors import EmrError
from rehearsal.emr.life.launching import Network, Surroundings
from tests.rehearsal.emr.emr_client import FLEETS, EmrClient

OWN = {"EmrManagedMasterSecurityGroup": "sg-1", "EmrManagedSlaveSecurityGroup": "sg-2"}
SERVICE = {"ServiceAccessSecurityGroup": "sg-3"}


class OneVpc(Surroundings):
    """A network whose subnets say in their names what they are."""

    def network(self, region: str, subnet_id: str | None) -> Network:
        return Network("vpc-1", public=subnet_id != "subnet-private")

    def security_group(self, region: str, network: Network, name: str) -> str:
        return f"sg-{network.vpc_id}-{name}"


@pytest.fixture
def emr() -> Any:
    client = EmrClient(surroundings=OneVpc())
    yield client
    client.service.stop()


def run(emr: EmrClient, subnet: str, **groups: str) -> str:
    return emr.run({**FLEETS, "Ec2SubnetIds": [subnet], **groups})


def test_nodes_in_a_public_subnet_have_public_names(emr: EmrClient) -> None:
    """The cluster too: its primary node's."""
    cluster_id = run(emr, "subnet-public")
    for node in emr.nodes(cluster_id):
        dashed = node["PublicIpAddress"].replace(".", "-")
        assert node["PublicDnsName"] == f"ec2-{dashed}.eu-west-1.compute.amazonaws.com"
    assert emr.cluster(cluster_id)["MasterPublicDnsName"].startswith("ec2-")


def test_nodes_in_a_private_subnet_have_private_names_alone(emr: EmrClient) -> None:
    """What the cluster calls its public name is the private one."""
    cluster_id = run(emr, "subnet-private")
    for node in emr.nodes(cluster_id):
        assert (node["PublicDnsName"], "PublicIpAddress" in node) == ("", False)
    assert emr.cluster(cluster_id)["MasterPublicDnsName"].startswith("ip-")


@pytest.mark.parametrize(
    ("subnet", "names"),
    [
        ("subnet-public", ["ElasticMapReduce-master", "ElasticMapReduce-slave", None]),
        (
            "subnet-private",
            [
                "ElasticMapReduce-Master-Private",
                "ElasticMapReduce-Slave-Private",
                "ElasticMapReduce-ServiceAccess",
            ],
        ),
    ],
)
def test_without_groups_there_are_emrs_own(emr: EmrClient, subnet: str, names: list[str | None]) -> None:
    """By the names that AWS documents."""
    attributes = emr.cluster(run(emr, subnet))["Ec2InstanceAttributes"]
    found = [attributes.get(name) for name in (*OWN, *SERVICE)]
    assert found == [name and f"sg-vpc-1-{name}" for name in names]


def test_groups_that_are_given_stand(emr: EmrClient) -> None:
    """All three in a private subnet."""
    attributes = emr.cluster(run(emr, "subnet-private", **OWN, **SERVICE))["Ec2InstanceAttributes"]
    assert {name: attributes[name] for name in (*OWN, *SERVICE)} == {**OWN, **SERVICE}


@pytest.mark.parametrize(
    ("subnet", "groups", "missing"),
    [
        ("subnet-public", {"EmrManagedMasterSecurityGroup": "sg-1"}, "EmrManagedSlaveSecurityGroup"),
        ("subnet-private", OWN, "ServiceAccessSecurityGroup"),
    ],
)
def test_some_groups_without_the_others_are_refused(
    emr: EmrClient, subnet: str, groups: dict[str, str], missing: str
) -> None:
    """EMR makes its own for all or for none."""
    with pytest.raises(EmrError, match=f"You must also specify {missing} if you use EmrManagedMaster"):
        run(emr, subnet, **groups)
