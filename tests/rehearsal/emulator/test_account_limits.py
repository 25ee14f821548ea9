"""What a cluster finds in its account: quotas, Spot's service-linked role, subnets and security groups."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.waiting import wait_until

SPOT_ROLE = "AWSServiceRoleForEC2Spot"
TYPE = [{"InstanceType": "m5.xlarge"}]
INSTANCES = {"Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}
FLEETS = [
    {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": TYPE},
    {"InstanceFleetType": "CORE", "TargetSpotCapacity": 1, "InstanceTypeConfigs": TYPE},
]


def run(aws, role="EMR_DefaultRole", **instances):
    """A cluster with Spot, once it waits or has ended."""
    emr = aws.client("emr")
    cluster = emr.run_job_flow(
        Name="one",
        ReleaseLabel="emr-7.9.0",
        ServiceRole=role,
        JobFlowRole="nodes",
        Instances={"InstanceFleets": FLEETS, "KeepJobFlowAliveWhenNoSteps": True, **instances},
    )["JobFlowId"]
    states = ("WAITING", "TERMINATED_WITH_ERRORS")

    def described():
        return emr.describe_cluster(ClusterId=cluster)["Cluster"]

    wait_until(lambda: described()["Status"]["State"] in states, "the cluster has started", 10, pause=0.05)
    return described()


@pytest.fixture
def iam(aws):
    """IAM of an account in which Spot's role is there again afterwards."""
    client = aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "elasticmapreduce.amazonaws.com"}}
    document = {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
    client.create_role(RoleName="emr", AssumeRolePolicyDocument=json.dumps(document))
    client.put_role_policy(RoleName="emr", PolicyName="instances", PolicyDocument=json.dumps(INSTANCES))
    yield client
    for name in client.list_role_policies(RoleName="emr")["PolicyNames"]:
        client.delete_role_policy(RoleName="emr", PolicyName=name)
    client.delete_role(RoleName="emr")
    if not has_spot_role(client):
        client.create_service_linked_role(AWSServiceName="spot.amazonaws.com")


def has_spot_role(iam):
    try:
        return iam.get_role(RoleName=SPOT_ROLE)["Role"]["Path"] == "/aws-service-role/spot.amazonaws.com/"
    except iam.exceptions.NoSuchEntityException:
        return False


def allow(iam, service):
    """Let the service role create a service-linked role."""
    condition = {"StringLike": {"iam:AWSServiceName": service}}
    statement = {"Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [{**statement, "Condition": condition}]}
    iam.put_role_policy(RoleName="emr", PolicyName="spot", PolicyDocument=json.dumps(document))


def test_spots_role_is_there_from_the_start(aws, iam):
    """As in an account that has used Spot; it is made once."""
    assert has_spot_role(iam)
    assert run(aws, "emr")["Status"]["State"] == "WAITING"
    with pytest.raises(ClientError, match="already exists"):
        iam.create_service_linked_role(AWSServiceName="spot.amazonaws.com")


def test_without_spots_role_a_cluster_with_spot_ends(aws, iam):
    """Its service role may create another service's role alone."""
    iam.delete_service_linked_role(RoleName=SPOT_ROLE)
    allow(iam, "ecs.amazonaws.com")
    status = run(aws, "emr")["Status"]
    assert status["State"] == "TERMINATED_WITH_ERRORS"
    assert "ServiceLinkedRoleCreationNotPermitted" in status["StateChangeReason"]["Message"]
    assert not has_spot_role(iam)


@pytest.mark.parametrize("role", ["emr", "arn:aws:iam::111122223333:role/emr"])
def test_a_service_role_that_may_creates_spots_role(aws, iam, role):
    """By an inline policy."""
    iam.delete_service_linked_role(RoleName=SPOT_ROLE)
    allow(iam, "spot.amazonaws.com")
    assert run(aws, role)["Status"]["State"] == "WAITING"
    assert has_spot_role(iam)


def test_emr_makes_its_security_groups_in_the_subnets_network(aws):
    """Once: the next cluster has the same ones; a private subnet gives no public names."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    first, second = (run(aws, Ec2SubnetId=subnet) for _ in range(2))
    attributes = first["Ec2InstanceAttributes"]
    assert attributes == second["Ec2InstanceAttributes"]
    found = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    names = {group["GroupId"]: group["GroupName"] for group in found}
    assert names[attributes["EmrManagedSlaveSecurityGroup"]] == "ElasticMapReduce-Slave-Private"
    assert names[attributes["ServiceAccessSecurityGroup"]] == "ElasticMapReduce-ServiceAccess"
    assert first["MasterPublicDnsName"].startswith("ip-")
    # Other tests of this account look for what is left.
    for group in (group for group, name in names.items() if name != "default"):
        ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def test_without_a_subnet_a_cluster_starts_in_the_default_network(aws):
    """Which is public."""
    described = run(aws)
    assert described["MasterPublicDnsName"].startswith("ec2-")
    group = described["Ec2InstanceAttributes"]["EmrManagedMasterSecurityGroup"]
    (found,) = aws.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert found["GroupName"] == "ElasticMapReduce-master"


def test_quotas_are_those_that_service_quotas_tells(aws, tell):
    """Beyond them EC2 starts nothing."""
    tell("on_demand_vcpu=3")
    quotas = aws.client("service-quotas")
    told = quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]["Value"]
    assert told == 3.0
    reason = run(aws)["Status"]["StateChangeReason"]
    assert "current vCPU limit of 3 allows" in reason["Message"]
