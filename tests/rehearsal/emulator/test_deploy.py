"""Both stages through the real CDK command line: deploy, again, change, fail, destroy."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from operate.removal.deployed_resources import end_protection
from rehearsal.emulator.resource_types.catalogue import resource_types
from rehearsal.emulator.resource_types.emr_cluster import UNIQUE
from tests.infrastructure.cloudformation_schemas import resource_schema
from tests.rehearsal.emulator.conftest import STAGES
from tests.waiting import wait_until

pytestmark = pytest.mark.story

STACKS = ("storage", "monitoring", "pipeline")


def _stacks(aws, stage):
    found = aws.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"]: stack for stack in found if f"-{stage}-" in stack["StackName"]}


def _outputs(aws, stage, stack):
    outputs = _stacks(aws, stage)[f"fruit-features-{stage}-{stack}"]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def _resources(aws, stage, kind):
    name = f"fruit-features-{stage}-"
    stacks = [f"{name}{stack}" for stack in STACKS]
    cloudformation = aws.client("cloudformation")
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for stack in stacks
        for resource in cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        if resource["ResourceType"] == kind
    }


def _template(deployed, stage, stack):
    path = deployed.assemblies[stage] / f"fruit-features-{stage}-{stack}.template.json"
    return json.loads(path.read_text())


@pytest.mark.parametrize("stage", STAGES)
def test_every_stack_is_created(deployed, stage):
    """The command line succeeds: it waits for the deployed function to signal the end of the run."""
    states = {name: stack["StackStatus"] for name, stack in _stacks(deployed.aws, stage).items()}
    assert states == {f"fruit-features-{stage}-{stack}": "CREATE_COMPLETE" for stack in STACKS}


@pytest.mark.parametrize("stage", STAGES)
def test_every_resource_of_the_templates_is_there(deployed, stage):
    """None is left out or stands in for another."""
    for stack in STACKS:
        wanted = {name: one["Type"] for name, one in _template(deployed, stage, stack)["Resources"].items()}
        found = deployed.aws.client("cloudformation").describe_stack_resources(
            StackName=f"fruit-features-{stage}-{stack}"
        )["StackResources"]
        assert {one["LogicalResourceId"]: one["ResourceType"] for one in found} == wanted
        assert {one["ResourceStatus"] for one in found} == {"CREATE_COMPLETE"}


@pytest.mark.parametrize("kind", resource_types(), ids=lambda kind: kind.name)
def test_what_replaces_a_resource_is_what_cloudformation_says(kind):
    """CloudFormation's own schema of each type lists the properties that cannot be changed."""
    schema = resource_schema(kind.name)
    paths = [path.removeprefix("/properties/") for path in schema["createOnlyProperties"]]
    assert set(kind.create_only) >= {path for path in paths if "/" not in path}
    # Rules may name groups of other accounts, which the schema of one direction leaves to the other.
    known = {path.removeprefix("/properties/") for path in schema["properties"]}
    assert {name for name in kind.create_only if name in known} == {path for path in paths if "/" not in path}


def test_lists_of_different_items_are_those_that_cloudformation_says():
    """The schema of clusters marks them."""
    schema = json.dumps(resource_schema("AWS::EMR::Cluster"))
    marked = set()

    def note(members):
        marked.update(n for n, v in members.items() if isinstance(v, dict) and v.get("uniqueItems"))
        return members

    json.loads(schema, object_hook=note)
    assert marked == UNIQUE


def test_an_unchanged_deploy_does_nothing(deployed):
    """The command line says so of each stack."""
    again = deployed.aws.deploy(deployed.assemblies["dev"])
    assert again.returncode == 0, again.stderr
    assert (again.stdout + again.stderr).count("(no changes)") == len(STACKS)


def test_the_cluster_is_asked_for_as_the_template_says(deployed):
    """Name, release, steps, fleets, policies and tags reach RunJobFlow."""
    emr = deployed.aws.client("emr")
    cluster_id = _outputs(deployed.aws, "dev", "pipeline")["ClusterId"]
    cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    (wanted,) = (
        one["Properties"]
        for one in _template(deployed, "dev", "pipeline")["Resources"].values()
        if one["Type"] == "AWS::EMR::Cluster"
    )
    assert (cluster["Name"], cluster["ReleaseLabel"]) == (wanted["Name"], wanted["ReleaseLabel"])
    assert (
        cluster["Configurations"][0]["Properties"] == wanted["Configurations"][0]["ConfigurationProperties"]
    )
    fleets = emr.list_instance_fleets(ClusterId=cluster_id)["InstanceFleets"]
    assert {fleet["InstanceFleetType"] for fleet in fleets} == {"MASTER", "CORE", "TASK"}
    policy = emr.get_managed_scaling_policy(ClusterId=cluster_id)["ManagedScalingPolicy"]
    limits = wanted["ManagedScalingPolicy"]["ComputeLimits"]
    assert policy["ComputeLimits"]["MaximumCapacityUnits"] == limits["MaximumCapacityUnits"]
    steps = emr.list_steps(ClusterId=cluster_id)["Steps"]
    assert [step["Name"] for step in steps] == [step["Name"] for step in wanted["Steps"]]
    assert {step["Status"]["State"] for step in steps} == {"COMPLETED"}


def test_a_change_of_policy_keeps_the_cluster_and_a_change_of_step_makes_another(deployed, changed):
    """In place and by replacement, as CloudFormation documents; the old cluster ends."""
    aws, pipeline = deployed.aws, changed("dev")
    emr, before = aws.client("emr"), _outputs(aws, "dev", "pipeline")["ClusterId"]

    def policy(properties):
        properties["AutoTerminationPolicy"] = {"IdleTimeout": 7200}

    done = aws.deploy(pipeline.cluster(policy))
    assert done.returncode == 0, done.stdout + done.stderr
    assert _outputs(aws, "dev", "pipeline")["ClusterId"] == before
    answer = emr.get_auto_termination_policy(ClusterId=before)["AutoTerminationPolicy"]
    assert answer == {"IdleTimeout": 7200}

    def step(properties):
        properties["Steps"][0]["HadoopJarStep"]["Args"].append("--conf=spark.ui.enabled=false")

    done = aws.deploy(pipeline.cluster(step))
    assert done.returncode == 0, done.stdout + done.stderr
    after = _outputs(aws, "dev", "pipeline")["ClusterId"]
    assert after != before
    assert emr.describe_cluster(ClusterId=before)["Cluster"]["Status"]["State"] == "TERMINATED"


def test_a_failing_cluster_rolls_the_deploy_back_with_its_reason(deployed, changed):
    """EMR's own words are in the command line's output, and the cluster of before is still the stack's."""
    aws = deployed.aws
    before = _outputs(aws, "prod", "pipeline")["ClusterId"]

    def bootstrap(properties):
        properties["BootstrapActions"][0]["ScriptBootstrapAction"]["Args"] = ["fail"]

    done = aws.deploy(changed("prod").cluster(bootstrap))
    assert done.returncode == 1
    assert "BOOTSTRAP_FAILURE" in done.stdout + done.stderr
    pipeline = _stacks(aws, "prod")["fruit-features-prod-pipeline"]
    assert pipeline["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert _outputs(aws, "prod", "pipeline")["ClusterId"] == before


def test_a_run_without_a_live_cluster_gets_one_of_its_own(deployed):
    """`submit` has the deployed function start it; it has the template's fleets and ends with its run."""
    aws, emr = deployed.aws, deployed.aws.client("emr")
    emr.terminate_job_flows(JobFlowIds=[_outputs(aws, "prod", "pipeline")["ClusterId"]])
    images = _outputs(aws, "prod", "storage")["ImagesBucketImages"]
    aws.client("s3").put_object(Bucket=images, Key="Apple/1.jpg", Body=b"1")
    request = ["submit", "--stage=prod", "--name=spring", "--sample=1", "--yes", "--json"]
    done = aws.run(sys.executable, "-m", "fruit", *request)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)

    def cluster():
        return emr.describe_cluster(ClusterId=answer["cluster_id"])["Cluster"]

    wait_until(lambda: cluster()["Status"]["State"] == "TERMINATED", "the end of the cluster")
    assert cluster()["Name"] == f"fruit-features-prod-{answer['run_id']}"
    assert {"Key": "stage", "Value": "prod"} in cluster()["Tags"]
    (step,) = emr.list_steps(ClusterId=answer["cluster_id"])["Steps"]
    assert (step["Status"]["State"], step["Config"]["Args"]) == ("COMPLETED", answer["arguments"])
    fleets = emr.list_instance_fleets(ClusterId=answer["cluster_id"])["InstanceFleets"]
    assert {fleet["InstanceFleetType"] for fleet in fleets} == {"MASTER", "CORE", "TASK"}


def test_destroying_leaves_what_the_stage_keeps_and_nothing_else(deployed):
    """dev: nothing, though its buckets hold versions and delete markers; prod: its data.

    Stacks of prod refuse to go until somebody ends their protection, as `fruit destroy` does.
    """
    aws, s3 = deployed.aws, deployed.aws.client("s3")
    kept = set(_resources(aws, "prod", "AWS::S3::Bucket").values())
    images = _outputs(aws, "dev", "storage")["ImagesBucketImages"]
    for body in (b"1", b"2"):
        s3.put_object(Bucket=images, Key="Apple/a é%+ #.jpg", Body=body)
    s3.delete_object(Bucket=images, Key="Apple/a é%+ #.jpg")

    cloudformation = aws.client("cloudformation")
    with pytest.raises(ClientError, match="TerminationProtection"):
        cloudformation.delete_stack(StackName="fruit-features-prod-pipeline")
    end_protection(cloudformation, sorted(_stacks(aws, "prod")))

    def destroy(stage):
        return aws.cdk(deployed.assemblies[stage], "destroy", "--all", "--force")

    with ThreadPoolExecutor() as pool:
        for done in pool.map(destroy, STAGES):
            assert done.returncode == 0, done.stdout + done.stderr
    assert not _stacks(aws, "dev") | _stacks(aws, "prod")
    buckets = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    assert {name for name in buckets if name.startswith("fruit-features-")} == kept
    ec2 = aws.client("ec2")
    assert [vpc["IsDefault"] for vpc in ec2.describe_vpcs()["Vpcs"]] == [True]
    assert not ec2.describe_addresses()["Addresses"]
    assert {gateway["State"] for gateway in ec2.describe_nat_gateways()["NatGateways"]} <= {"deleted"}
    running = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
    clusters = aws.client("emr").list_clusters(ClusterStates=running)["Clusters"]
    # Tests of stacks that have nothing but a cluster share this account.
    assert [one["Name"] for one in clusters if one["Name"].startswith("fruit-features-")] == []
    assert not aws.client("lambda").list_functions()["Functions"]
    budgets = aws.client("budgets").describe_budgets(AccountId="111122223333")
    assert not budgets.get("Budgets")
