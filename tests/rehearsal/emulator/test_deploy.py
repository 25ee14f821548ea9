"""Both stages through the real CDK command line: deploy, again, change, fail, destroy."""

import gzip
import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from hashlib import sha256

import boto3
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import urllib3
from botocore.exceptions import ClientError, WaiterError

from fruit.places import Record
from operate.commands.doctor import examine
from operate.connection import Connection
from operate.removal import deployed_resources, end_protection
from operate.runs.watch import Watch, driver_words, logs_of
from operate.s3.photographs import MOST_AT_ONCE_BYTES
from rehearsal.asking import ask
from rehearsal.emulator.permissions.record import Replay
from rehearsal.emulator.resource_types.emr_cluster import UNIQUE
from rehearsal.full_run.probes import probe
from rehearsal.machine.log_bucket import s3_client
from rehearsal.permissions_report import IN_DEPLOY, Report
from rehearsal.rewriting import EmulatedAws
from rehearsal.settings import DEPLOYER, PERMISSIONS_PATH, PRIVACY_OFFICER, REVIEWER
from tests.infrastructure.cloudformation_schemas import resource_schema
from tests.rehearsal.emulator.conftest import STAGES
from tests.rehearsal.emulator.recorded import different, unrecorded
from tests.report_examples import jpeg
from tests.waiting import wait_until

pytestmark = pytest.mark.story

READ_BY_OBSTORE = """
import sys
from obstore import get, put
from obstore.store import S3Store
from spark_job.storage import s3_endpoint
store = S3Store(sys.argv[1], endpoint=s3_endpoint(), client_options={"allow_http": True})
print(get(store, "Apple/node.jpg").bytes().to_bytes().decode(), end=" ")
try:
    put(store, "Apple/other.jpg", b"2")
except Exception as error:
    print(type(error).__name__, end="")
"""
READ_BY_BOTO3 = """
import sys, boto3
s3 = boto3.client("s3")
print(s3.get_object(Bucket=sys.argv[1], Key="Apple/node.jpg")["Body"].read().decode(), end=" ")
try:
    s3.put_object(Bucket=sys.argv[1], Key="Apple/other.jpg", Body=b"2")
except Exception as error:
    print(error.response["Error"]["Code"], end="")
"""
# Of test_account_limits.py, which shares the server: it is refused, and its policies change.
CHANGED = "role emr"
# Refused above, on purpose.
BY_TESTS = ("user tester", "role fruit-features-dev-nodes-eu-west-3", CHANGED)
DRY_RUN = ("user deployer", "ec2:RunInstances")
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
    # As in an account that has had no Spot node: EMR makes the role.
    aws.client("iam").delete_service_linked_role(RoleName="AWSServiceRoleForEC2Spot")
    request = ["submit", "--stage=prod", "--name=spring", "--sample=1", "--job-code", "--yes", "--json"]
    done = aws.run(sys.executable, "-m", "fruit", *request, keys=aws.submitter("prod"))
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


def test_who_submits_or_deploys_may_upload_a_large_photograph(deployed, tmp_path):
    """In parts, after a look for those of an upload that stopped; S3 uses the bucket's key for them."""
    aws = deployed.aws
    large = jpeg() + bytes(MOST_AT_ONCE_BYTES)
    (tmp_path / "Apple").mkdir()
    (tmp_path / "Apple" / "large.jpg").write_bytes(large)
    submitter, deployer = aws.submitter("prod"), aws.keys_of(DEPLOYER)
    # What is there already is asked for its metadata, in prod also for its checksum.
    for keys, giver in ((submitter, "jo"), (submitter, "jo"), (deployer, "ann")):
        words = ["upload", str(tmp_path), "--stage=prod", f"--contributor={giver}"]
        done = aws.run(sys.executable, "-m", "fruit", *words, keys=keys)
        assert done.returncode == 0, done.stderr
    images = _outputs(aws, "prod", "storage")["ImagesBucketImages"]
    head = aws.client("s3").head_object(Bucket=images, Key="Apple/large.jpg")
    assert head["Metadata"]["contributor"] == "ann"
    assert head["ContentLength"] == len(large)


def test_a_privacy_officer_forgets_what_a_person_gave_and_looks_again(deployed, tmp_path):
    """Photograph, replica, unfinished upload, rows and log, with the key of prod; an erasure that stopped."""
    aws, s3 = deployed.aws, deployed.aws.client("s3")
    outputs = _outputs(aws, "prod", "storage")
    images, results, logs = (outputs[name] for name in ("ImagesBucketImages", "ResultsBucket", "LogsBucket"))
    (tmp_path / "Jane").mkdir()
    (tmp_path / "Jane" / "1.jpg").write_bytes(jpeg())
    words = ["upload", str(tmp_path), "--stage=prod", "--contributor=jane", "--consent=research"]
    assert aws.run(sys.executable, "-m", "fruit", *words, keys=aws.submitter("prod")).returncode == 0
    uri, rows = f"s3://{images}/Jane/1.jpg", io.BytesIO()
    pq.write_table(pa.table({"path": [uri, f"s3://{images}/Apple/1.jpg"]}), rows)
    manifest = {"run_id": "p", "created": "2026-11-28T12:00:00+00:00", "kind": "predict", "parents": []}
    stopped = Record(id="stopped", asked="a contributor", by="jo", begun="2026-11-28T12:00:00+00:00")
    for bucket, key, content in (
        (results, "runs/p/manifest.json", json.dumps(manifest).encode()),
        (results, "runs/p/predictions/part-000000.parquet", rows.getvalue()),
        (results, "runs/p/report/old.png", b"png"),
        (results, "erasures/records/stopped.json", json.dumps(asdict(stopped)).encode()),
        (logs, "emr/j-1/stderr", f"rejected {uri}".encode()),
    ):
        s3.put_object(Bucket=bucket, Key=key, Body=content)
    s3.create_multipart_upload(Bucket=images, Key="Jane/1.jpg")

    def officer(*words):
        return aws.run(sys.executable, "-m", "fruit", *words, "--stage=prod", "--json", keys=keys)

    keys = aws.keys_of(PRIVACY_OFFICER)
    done = officer("forget", "--contributor=jane", "--yes")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["found"] == {"versions_of_photographs": 2, "runs": 1, "rows": 1, "logs": 1}
    again = officer("audit", f"--erased={told['record'].rpartition('/')[2]}")
    assert (again.returncode, json.loads(again.stdout)["left"]) == (0, []), again.stderr
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=images)
    readers = {one["kind"]: one["readers"] for one in json.loads(officer("audit").stdout)["stored"]}
    assert readers.keys() >= {"photographs", "forgotten"}
    assert {"role fruit-features-prod-nodes-eu-west-3", "user privacy-officer"} <= set(readers["photographs"])
    assert "user reviewer" not in readers["photographs"]


def test_a_deployer_sees_why_a_step_failed(deployed):
    """The function that hears of it asks for the step; the deploy prints the end of its log."""
    aws = deployed.aws
    emr, cluster = aws.client("emr"), _outputs(aws, "dev", "pipeline")["ClusterId"]
    jar = {"Jar": "command-runner.jar", "Args": ["fail"]}
    step = {"Name": "fruit-features-dev-broken", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}
    (step_id,) = emr.add_job_flow_steps(JobFlowId=cluster, Steps=[step])["StepIds"]
    with pytest.raises(WaiterError):
        emr.get_waiter("step_complete").wait(ClusterId=cluster, StepId=step_id, WaiterConfig={"Delay": 1})
    key = f"emr/{cluster}/steps/{step_id}/stderr.gz"
    logs = _outputs(aws, "dev", "storage")["LogsBucket"]
    aws.client("s3").put_object(Bucket=logs, Key=key, Body=gzip.compress(b"why"))
    clients = {name: aws.client_of(name, aws.keys_of(DEPLOYER)) for name in ("cloudformation", "emr", "s3")}
    connection = Connection("dev", aws.server.settings.region, clients)
    Watch(connection, print).look()
    assert driver_words(logs_of(connection, cluster, step_id), patience=0.0) == ["why"]


def test_a_deployer_may_ask_all_that_doctor_asks_but_for_a_start_of_instances(deployed, monkeypatch):
    """A right to try a start is a right to start: nobody has it."""
    settings = deployed.aws.server.settings
    monkeypatch.setenv("AWS_ENDPOINT_URL", settings.endpoint)
    for stage in STAGES:
        connection = Connection(stage, settings.region, session=boto3.Session(*settings.keys_of(DEPLOYER)))
        _, config = connection.configured({})
        checks = {check.name: check for check in examine(connection, config, probe=True)}
        unknown = {name for name, check in checks.items() if check.state == "unknown"}
        assert unknown == {"dry run of EC2"}, [checks[name].found for name in unknown]
        assert checks["dry run of EC2"].advice.endswith("these credentials need not")


def test_a_node_finds_its_role_at_its_metadata_service_alone(deployed, monkeypatch):
    """AWS's command line, boto3 and obstore ask it, as S3A does; without a token it tells nothing."""
    aws, settings = deployed.aws, deployed.aws.server.settings
    cluster = _outputs(aws, "dev", "pipeline")["ClusterId"]
    images = _outputs(aws, "dev", "storage")["ImagesBucketImages"]
    root = psutil.Process(aws.server.process.pid).environ()["AWS_SECRET_ACCESS_KEY"]
    path = f"{settings.endpoint}/_metadata/{sha256(root.encode()).hexdigest()[:32]}"
    there = EmulatedAws(settings.endpoint, settings.region, "", "", path)
    node = there.node_environment(cluster, "i-1")
    assert not any("KEY" in name for name in node)
    credentials = f"{node['AWS_METADATA_ENDPOINT']}/latest/meta-data/iam/security-credentials/"
    assert urllib3.request("GET", credentials).status == 401
    assert urllib3.request("PUT", f"{path}/j-OTHER/i-1/latest/api/token").status == 200
    aws.client("s3").put_object(Bucket=images, Key="Apple/node.jpg", Body=b"1")
    programs = {
        "aws": [sys.executable.replace("python", "aws"), "sts", "get-caller-identity"],
        "obstore": [sys.executable, "-c", READ_BY_OBSTORE, images],
        "boto3": [sys.executable, "-c", READ_BY_BOTO3, images],
    }
    done = {name: aws.run_as_node(words, node) for name, words in programs.items()}
    assert ":assumed-role/fruit-features-dev-nodes-eu-west-3/i-1" in done["aws"].stdout, done["aws"].stderr
    assert done["obstore"].stdout == "1 PermissionDeniedError", done["obstore"].stderr
    assert done["boto3"].stdout == "1 AccessDenied", done["boto3"].stderr
    # And EMR's own programs on the nodes, which are the server's here.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    emr, logs = s3_client(there, cluster), _outputs(aws, "dev", "storage")["LogsBucket"]
    emr.put_object(Bucket=logs, Key=f"emr/{cluster}/controller.gz", Body=b"")
    with pytest.raises(ClientError, match="AccessDenied"):
        emr.put_object(Bucket=logs, Key="other", Body=b"")


@pytest.mark.parametrize("stage", STAGES)
def test_policies_suffice_and_refuse_what_they_deny(deployed, stage, monkeypatch):
    """All before this, and a probe of each Deny: nothing else was refused, and each statement is missed."""
    aws, settings = deployed.aws, deployed.aws.server.settings
    for name, value in aws.server.settings.client_environment().items():
        monkeypatch.setenv(name, value)
    reviewer = Connection(stage, settings.region, session=boto3.Session(*settings.keys_of(REVIEWER)))
    probe(reviewer, deployed_resources(reviewer.client("cloudformation"), stage))
    report = Report(Replay(ask(PERMISSIONS_PATH, {})))
    refused = {(call["caller"], call["action"]) for call in report.refused if call["caller"] not in BY_TESTS}
    assert refused <= {DRY_RUN}
    assert [call for call in different(report.replay) if call["caller"] != CHANGED] == []
    assert [one.id for one in report.needless if stage in one.owner] == []
    denies = {one.id for one in report.ours if not one.allows and stage in one.owner}
    assert denies <= report.missed.keys()
    # The run on a cluster of its own.
    if stage == "prod":
        roles = ("LauncherStarterRole", "CertificatesMakerRole", "RunEndedRole", "ServiceRole")
        ours = [one for one in report.ours if stage in one.owner and any(role in one.owner for role in roles)]
        # No run here writes figures.
        assert {one.name for one in ours if one.id not in report.missed} == {"DecryptFigures"}


@pytest.mark.parametrize(
    ("role", "statement", "refused"),
    [
        ("LauncherStarterRole", "PassServiceRole", "iam:PassRole"),
        ("SubmitterRole", "StartClusters", "lambda:InvokeFunction"),
    ],
)
def test_a_statement_that_is_taken_away_is_missed_by_name(deployed, role, statement, refused, monkeypatch):
    """The refusal names caller and action, and the record the resource as well."""
    aws, iam = deployed.aws, deployed.aws.client("iam")
    (name,) = (one for one in _resources(aws, "prod", "AWS::IAM::Role").values() if role in one)
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    (taken,) = (one for one in document["Statement"] if one.get("Sid") == statement)
    rest = {**document, "Statement": [one for one in document["Statement"] if one is not taken]}
    iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(rest))
    words = ["submit", "--stage=prod", f"--name={statement.lower()}", "--sample=1", "--yes"]
    done = aws.run(sys.executable, "-m", "fruit", *words, keys=aws.submitter("prod"))
    iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
    assert done.returncode == 1
    assert f"assumed-role/{name}/" in done.stderr
    assert f"not authorized to perform: {refused}" in done.stderr
    for variable, value in aws.server.settings.client_environment().items():
        monkeypatch.setenv(variable, value)
    report = Report(Replay(ask(PERMISSIONS_PATH, {})))
    assert f"refused: role {name}, {refused} on {taken['Resource']}" in report.faults()


@pytest.mark.parametrize("stage", STAGES)
def test_photographs_end_within_the_promise_and_results_stay(deployed, stage, tell):
    """As days pass: the old version and the unfinished upload, then the photograph and its replica."""
    s3 = deployed.aws.client("s3")
    outputs = _outputs(deployed.aws, stage, "storage")
    images, results = outputs["ImagesBucketImages"], outputs["ResultsBucket"]
    buckets = [images, outputs["ReplicaBucketImages"]] if stage == "prod" else [images]
    photograph, run = "Apple/end.jpg", "runs/end/manifest.json"
    s3.create_multipart_upload(Bucket=images, Key="Apple/never-ended.jpg")
    for bucket, key, content in (
        (images, photograph, b"1"),
        (images, photograph, b"2"),
        (results, run, b"{}"),
    ):
        s3.put_object(Bucket=bucket, Key=key, Body=content)

    def stored(bucket, kind="Versions"):
        return len(s3.list_object_versions(Bucket=bucket, Prefix=photograph).get(kind, []))

    assert [stored(bucket) for bucket in buckets] == [2] * len(buckets)
    tell("days_ahead=10")
    assert [stored(bucket) for bucket in buckets] == [1] * len(buckets)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=images)
    assert s3.get_object(Bucket=images, Key=photograph)["Body"].read() == b"2"
    tell("days_ahead=12")
    assert [stored(bucket, "DeleteMarkers") for bucket in buckets] == [1] * len(buckets)
    tell("days_ahead=14")
    assert {stored(bucket, kind) for bucket in buckets for kind in ("Versions", "DeleteMarkers")} == {0}
    assert s3.get_object(Bucket=results, Key=run)["Body"].read() == b"{}"


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
    deployer = aws.client_of("cloudformation", aws.keys_of(DEPLOYER))
    end_protection(deployer, sorted(_stacks(aws, "prod")))

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


def test_what_is_said_to_be_recorded_here_is(deployed, monkeypatch):
    """All of the calls above, and their statements, which are remembered."""
    for name, value in deployed.aws.server.settings.client_environment().items():
        monkeypatch.setenv(name, value)
    report = Report(Replay(ask(PERMISSIONS_PATH, {})))
    assert unrecorded(report, IN_DEPLOY, "prod") == []
