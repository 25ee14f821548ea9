"""`fruit destroy`: what goes and what stays is said, then nothing billable may be left."""

from dataclasses import replace
from typing import Any

import boto3
import pytest

from infra.contract import outputs
from infra.contract.names import cost_tags, stack_name
from operate import removal
from operate.commands import destroy
from operate.emr.clusters import list_clusters
from tests.aws.conftest import REGION, make_cluster, make_stack
from tests.doubles import Double

TAGS = [{"Key": key, "Value": value} for key, value in cost_tags("dev").items()]


@pytest.fixture
def s3(aws):
    return boto3.client("s3", REGION)


@pytest.fixture
def stage(s3):
    """A storage stack of two buckets, one of which stays, with two versions of a photograph in it."""
    buckets = {
        name: {
            "Type": "AWS::S3::Bucket",
            "Properties": {"BucketName": f"fruit-{name.lower()}"},
            "DeletionPolicy": policy,
        }
        for name, policy in (("Images", "Retain"), ("Results", "Delete"))
    }
    make_stack(stack_name("dev", "storage"), buckets, {outputs.RESULTS_BUCKET: {"Ref": "Results"}})
    s3.put_bucket_versioning(Bucket="fruit-images", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1234", b"123456"):
        s3.put_object(Bucket="fruit-images", Key="Training/Lemon/1.jpg", Body=body)


@pytest.fixture(autouse=True)
def synthesised(monkeypatch):
    """The stacks need not be made: what `cdk destroy` does with them is played."""
    folders = []
    monkeypatch.setattr(destroy, "synthesise", lambda assembly, context: folders.append(assembly.name))
    return folders


@pytest.fixture
def cdk(monkeypatch):
    """CDK's command line, of which the bucket that goes is what can be seen here."""
    called = []

    def run(command, assembly, arguments):
        called.append((command, str(assembly), tuple(arguments)))
        boto3.client("s3", REGION).delete_bucket(Bucket="fruit-results")

    monkeypatch.setattr(destroy, "run_cdk", run)
    return called


def test_what_goes_and_what_stays_is_said_before_the_question(operate, stage, cdk, monkeypatch):
    """With what the buckets hold; no for an answer destroys nothing, exit code 1."""
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    done = operate("destroy")
    assert (done.exit_code, cdk) == (1, [])
    assert done.err.splitlines() == [
        "goes",
        "  fruit-features-dev-storage: 1 resources",
        "    S3::Bucket fruit-results: 0 objects, 0.0 MB",
        "stays",
        "  S3::Bucket fruit-images: 2 objects, 0.0 MB",
        "Error: not destroyed",
    ]


def test_what_stays_is_said_by_the_template_that_was_deployed(stage):
    """Retain stays, Delete goes; a stage that is not there has nothing."""
    cloudformation = boto3.client("cloudformation", REGION)
    found = {each.id: each.stays for each in removal.deployed_resources(cloudformation, "dev")}
    assert found == {"fruit-images": True, "fruit-results": False}
    assert removal.deployed_resources(cloudformation, "prod") == []
    assert removal.deployed_stacks(cloudformation, "dev") == ["fruit-features-dev-storage"]


class ProtectedStacks(Double):
    """CloudFormation with these stacks, protected or not; moto keeps no protection."""

    def __init__(self, protected, failed=()) -> None:
        self.protected, self.failed = protected, failed

    def describe_stacks(self, StackName):  # noqa: N803 (CloudFormation's)
        state = "ROLLBACK_COMPLETE" if StackName in self.failed else "UPDATE_COMPLETE"
        return {"Stacks": [{"StackStatus": state, "EnableTerminationProtection": self.protected[StackName]}]}

    def update_termination_protection(self, StackName, EnableTerminationProtection) -> None:  # noqa: N803
        assert self.protected[StackName], "nothing to take away: it may not even be allowed"
        self.protected[StackName] = EnableTerminationProtection


def test_protected_stacks_are_let_go_after_the_question(operate, stage, cdk, monkeypatch):
    """Those of prod; CDK would be refused. After a no they stay protected."""
    cloudformation = ProtectedStacks({"a": True, "b": False})
    removal.end_protection(cloudformation, ["a", "b"])
    assert cloudformation.protected == {"a": False, "b": False}
    ended = []
    monkeypatch.setattr(
        destroy.removal, "end_protection", lambda _, stacks: ended.append((stacks, list(cdk)))
    )
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    operate("destroy")
    assert ended == []
    operate("destroy", "--yes")
    assert ended == [(["fruit-features-dev-storage"], [])]


def test_a_stack_whose_creation_failed_can_be_made_again():
    """CDK deletes it first, which its protection would refuse; the others stay protected."""
    cloudformation = ProtectedStacks({"storage": True, "pipeline": True}, failed=["pipeline"])
    removal.end_protection(cloudformation, ["storage", "pipeline"], failed_only=True)
    assert cloudformation.protected == {"storage": True, "pipeline": False}


def test_a_stage_that_is_not_deployed_is_said_and_succeeds(operate, aws, cdk):
    """Exit code 0; CDK is not asked."""
    done = operate("destroy", "--yes")
    assert (done.exit_code, cdk) == (0, [])
    assert done.err == "nothing of dev is deployed in eu-west-3: there is nothing to destroy\n"
    assert "nothing is left that is paid for" in done.out


def test_a_bucket_that_should_be_gone_is_found(operate, stage, monkeypatch):
    """By its name: exit code 1."""
    monkeypatch.setattr(destroy, "run_cdk", lambda *_: None)
    done = operate("destroy", "--yes", "--json")
    assert done.exit_code == 1
    assert [(each["kind"], each["id"]) for each in done.json["left"]] == [("bucket", "fruit-results")]
    assert [each["id"] for each in done.json["stays"]] == ["fruit-images"]


def test_nothing_left_is_said(operate, stage, cdk):
    """What stays is listed with what it holds."""
    done = operate("destroy", "--yes")
    assert done.exit_code == 0, done.err
    ((command, assembly, arguments),) = cdk
    assert (command, arguments) == ("destroy", ("--all", "--force"))
    assert assembly.endswith("cdk.out/dev")
    assert "  S3::Bucket fruit-images: 2 objects" in done.out
    assert "dev: nothing is left that is paid for" in done.out


def test_forgotten_things_that_cost_are_found(operate, aws, cluster_id):
    """By tag: an instance, an address, a volume, a NAT gateway, an interface endpoint; by name: a cluster."""
    ec2: Any = boto3.client("ec2", REGION)
    specification: Any = [{"ResourceType": "instance", "Tags": TAGS}]
    made = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, TagSpecifications=specification)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
    network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=network, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"][
        "NatGatewayId"
    ]
    endpoints = [
        ec2.create_vpc_endpoint(
            VpcId=network, ServiceName=f"com.amazonaws.{REGION}.{name}", VpcEndpointType=kind
        )
        for name, kind in (("ssm", "Interface"), ("s3", "Gateway"))
    ]
    ids = [each["VpcEndpoint"]["VpcEndpointId"] for each in endpoints]
    ec2.create_tags(Resources=[address, volume, gateway, *ids], Tags=TAGS)
    done = operate("destroy", "--yes", "--json")
    assert done.exit_code == 1
    instance = made["Instances"][0]["InstanceId"]
    assert {(each["kind"], each["id"]) for each in done.json["left"]} == {
        ("cluster", cluster_id),
        ("instance", instance),
        ("elastic IP", address),
        ("volume", volume),
        ("NAT gateway", gateway),
        ("interface endpoint", ids[0]),
    }


def test_clusters_that_were_started_for_a_run_end_before_the_stacks_go(operate, stage, monkeypatch):
    """They are said, and ended: their nodes hold the network, which could not be deleted."""
    emr, states = boto3.client("emr", REGION), []
    cluster_id = make_cluster("fruit-features-dev-spring-1")
    other = make_cluster("fruit-features-prod-spring-1")

    def run(*_):
        states.extend(emr.list_clusters()["Clusters"])
        boto3.client("s3", REGION).delete_bucket(Bucket="fruit-results")

    monkeypatch.setattr(destroy, "run_cdk", run)
    done = operate("destroy", "--yes")
    assert done.exit_code == 0, done.err
    assert f"ends: cluster {cluster_id} (fruit-features-dev-spring-1, WAITING)" in done.err
    ended = {each["Id"] for each in states if each["Status"]["State"] == "TERMINATED"}
    assert (cluster_id in ended, other in ended) == (True, False)


def test_a_cluster_that_is_ending_is_waited_for(operate, stage, monkeypatch):
    """Its nodes hold the network until they are gone."""
    cluster_id, waited = make_cluster("fruit-features-dev-spring-1"), []
    ending = [replace(one, state="TERMINATING") for one in list_clusters(boto3.client("emr", REGION), "", 1)]
    monkeypatch.setattr(destroy, "list_clusters", lambda *_: ending)
    monkeypatch.setattr(destroy, "end_clusters", lambda _, ids: waited.extend(ids))
    monkeypatch.setattr(destroy, "run_cdk", lambda *_: None)
    assert f"ends: cluster {cluster_id} (fruit-features-dev-spring-1, TERM" in operate("destroy", "--yes").err
    assert waited == [cluster_id]


def test_what_may_not_be_looked_at_is_said(operate, aws, monkeypatch):
    """It is no proof that something is left: exit code 0, and a line for each kind."""
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

    base: Any = BaseClient
    call = base._make_api_call

    def refuse(client, operation, arguments):
        if operation == "DescribeVolumes":
            raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, operation)
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    done = operate("destroy", "--yes")
    assert done.exit_code == 0
    assert "not looked at: volumes (DescribeVolumes: UnauthorizedOperation)" in done.out


def test_large_buckets_are_counted_up_to_a_limit(stage, s3, monkeypatch):
    """A listing of millions would take minutes."""
    monkeypatch.setattr(removal, "MOST_LISTED", 1)
    found = removal.contents(s3, "fruit-images")
    assert (found.objects, found.at_least) == (1, True)
    assert found.sentence.startswith("at least 1 objects")
