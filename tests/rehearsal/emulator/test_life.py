"""The life of a deployment by change sets: an upgrade, changes in both states of its cluster, failures."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from rehearsal.emulator.process import Server
from rehearsal.settings import ACCOUNT
from tests.infrastructure.configuration_changes import HOLDS_DATA
from tests.rehearsal.emulator.conftest import QUICK_EMR, Aws, synthesised

pytestmark = pytest.mark.story

BEFORE = Path(__file__).with_name("before_life_on_aws.zip")
CDK_BUCKET = f"cdk-hnb659fds-assets-{ACCOUNT}-eu-west-3"
PARTS = ("storage", "monitoring", "pipeline")
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
# A cluster that waits for changes; a person who wants it warm says so.
WARM = {"idle_timeout_minutes": "30"}
CLUSTER = "AWS::EMR::Cluster"
EMPTY = "didn't contain changes"


@dataclass(frozen=True)
class Account:
    """The emulated AWS, whose CloudFormation is asked directly: no command line stands between.

    Attributes:
        context: Fields of the configuration that were changed since the first deploy.
    """

    aws: Aws
    folder: Path
    context: dict[str, str] = field(default_factory=dict)

    def synthesised(self, stage: str, **context: str) -> Path:
        """Return a new assembly of the stage, whose cluster waits for changes; changes stay."""
        self.context.update(context)
        count = len(list(self.folder.iterdir()))
        return synthesised(stage, self.folder / str(count), **{**WARM, **self.context})

    def deploy(self, stage: str, **context: str) -> dict[str, dict[str, dict[str, Any]]]:
        """Deploy a stage as it is now; return what changed: part, then logical id, then the change."""
        return self.deploy_assembly(stage, self.synthesised(stage, **context))

    def deploy_assembly(self, stage: str, assembly: Path) -> dict[str, dict[str, dict[str, Any]]]:
        """Deploy an assembly by change sets, part by part. Raises WaiterError if one fails."""
        self._publish(assembly)
        return {part: self._deploy_stack(f"fruit-features-{stage}-{part}", assembly) for part in PARTS}

    def _publish(self, assembly: Path) -> None:
        s3 = self.aws.client("s3")
        for manifest in assembly.glob("*.assets.json"):
            for file in json.loads(manifest.read_text())["files"].values():
                (destination,) = file["destinations"].values()
                body = _content(assembly / file["source"]["path"])
                s3.put_object(Bucket=CDK_BUCKET, Key=destination["objectKey"], Body=body)

    def _deploy_stack(self, name: str, assembly: Path) -> dict[str, dict[str, Any]]:
        cloudformation = self.aws.client("cloudformation")
        key = f"{assembly.name}/{name}.json"
        self.aws.client("s3").upload_file(str(assembly / f"{name}.template.json"), CDK_BUCKET, key)
        change_set = {"StackName": name, "ChangeSetName": f"change-{assembly.name}"}
        cloudformation.create_change_set(
            **change_set,
            ChangeSetType="UPDATE" if self.state(name) else "CREATE",
            TemplateURL=f"{self.aws.server.settings.client_environment()['AWS_ENDPOINT_URL']}/{CDK_BUCKET}/{key}",
            Capabilities=CAPABILITIES,
        )
        try:
            cloudformation.get_waiter("change_set_create_complete").wait(
                **change_set, WaiterConfig={"Delay": 1}
            )
        except WaiterError as error:
            if EMPTY in error.last_response.get("StatusReason", ""):
                return {}
            raise
        changes = cloudformation.describe_change_set(**change_set)["Changes"]
        kind = "update" if self.state(name) != "REVIEW_IN_PROGRESS" else "create"
        cloudformation.execute_change_set(**change_set)
        cloudformation.get_waiter(f"stack_{kind}_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        return {change["ResourceChange"]["LogicalResourceId"]: change["ResourceChange"] for change in changes}

    def state(self, name: str) -> str:
        """Return a stack's state, nothing if it is not there."""
        try:
            stacks = self.aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError:
            return ""
        state: str = stacks[0]["StackStatus"]
        return state

    def outputs(self, stage: str, part: str) -> dict[str, str]:
        """Return a stack's outputs."""
        stacks = self.aws.client("cloudformation").describe_stacks(StackName=f"fruit-features-{stage}-{part}")
        return {output["OutputKey"]: output["OutputValue"] for output in stacks["Stacks"][0]["Outputs"]}

    def holders(self, stage: str) -> dict[str, str]:
        """Return what holds data: logical id to physical id."""
        resources = self.aws.client("cloudformation").describe_stack_resources(
            StackName=f"fruit-features-{stage}-storage"
        )["StackResources"]
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in resources
            if resource["ResourceType"] in HOLDS_DATA
        }

    def cluster_and_run(self) -> tuple[str, str]:
        """Return the ids of the cluster and of the run that dev's stack has."""
        outputs = self.outputs("dev", "pipeline")
        return outputs["ClusterId"], outputs["RunId"]

    def cluster_state(self) -> str:
        """Return the state of dev's cluster."""
        emr = self.aws.client("emr")
        cluster = emr.describe_cluster(ClusterId=self.cluster_and_run()[0])["Cluster"]
        state: str = cluster["Status"]["State"]
        return state

    def end_cluster(self) -> None:
        """End dev's cluster, as its idle time-out would."""
        emr, cluster = self.aws.client("emr"), self.cluster_and_run()[0]
        emr.terminate_job_flows(JobFlowIds=[cluster])
        emr.get_waiter("cluster_terminated").wait(ClusterId=cluster, WaiterConfig={"Delay": 1})


def _content(path: Path) -> bytes:
    if path.is_file():
        return path.read_bytes()
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for file in sorted(path.rglob("*")):
            packed.write(file, file.relative_to(path))
    return archive.getvalue()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account of its own, with CDK's bucket."""
    with Server(tmp_path_factory.mktemp("home"), emr=QUICK_EMR) as server:
        aws = Aws(server)
        aws.client("s3").create_bucket(
            Bucket=CDK_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"}
        )
        aws.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
        yield Account(aws, tmp_path_factory.mktemp("assemblies"))


def test_a_deployment_of_the_commit_before_is_made(account: Account, tmp_path: Path) -> None:
    """The first deploy finds empty buckets, and ends well."""
    with zipfile.ZipFile(BEFORE) as archive:
        archive.extractall(tmp_path)
    account.deploy_assembly("dev", tmp_path / "dev")
    assert account.state("fruit-features-dev-pipeline") == "CREATE_COMPLETE"


def test_an_upgrade_replaces_nothing_that_holds_data(account: Account) -> None:
    """Photographs and results of before are there afterwards, in the same buckets."""
    s3, before = account.aws.client("s3"), account.holders("dev")
    outputs = account.outputs("dev", "storage")
    kept = {outputs["ImagesBucketImages"]: "Apple/1.jpg", outputs["ResultsBucket"]: "runs/r/manifest.json"}
    for bucket, key in kept.items():
        s3.put_object(Bucket=bucket, Key=key, Body=b"kept")
    changes = account.deploy("dev")
    assert account.state("fruit-features-dev-pipeline") == "UPDATE_COMPLETE"
    assert account.holders("dev") == before
    replaced = [
        name
        for part in changes.values()
        for name, change in part.items()
        if change.get("Replacement") == "True"
    ]
    assert not set(replaced) & set(before)
    for bucket, key in kept.items():
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"kept"


# One field of each kind: what is changed, and what CloudFormation does.
KINDS = {
    "expected_images": "nothing",
    "rejected_share_alarm": "in place",
    "retention_days": "in place",
    "wait_timeout_minutes": "in place",
    "task_maximum": "a new cluster with the same run",
    "variance": "a new cluster with a new run",
}
OTHERS = {
    "lives": ("50000", "0.1", "10", "100", "5", "0.85"),
    "has ended": ("60000", "0.2", "12", "110", "6", "0.9"),
}


@pytest.mark.parametrize(
    ("state", "change", "effect"),
    [
        (state, (name, value), effect)
        for state, values in OTHERS.items()
        for (name, effect), value in zip(KINDS.items(), values, strict=True)
    ],
)
def test_a_change_does_what_the_table_says(
    account: Account, state: str, change: tuple[str, str], effect: str
) -> None:
    """While the cluster lives and after it has ended: nothing is refused, and docs/changes.md is true."""
    if state == "has ended":
        account.end_cluster()
    before, holders = account.cluster_and_run(), account.holders("dev")
    field_name, value = change
    changes = account.deploy("dev", **{field_name: value})
    after = account.cluster_and_run()
    assert account.holders("dev") == holders
    assert any(changes.values()) == (effect != "nothing")
    assert (after[0] != before[0], after[1] != before[1]) == ("cluster" in effect, "new run" in effect)
    assert (account.cluster_state() == "WAITING") == (state == "lives" or "cluster" in effect)


def failing(assembly: Path, stage: str) -> Path:
    """Let the step of an assembly fail."""
    path = assembly / f"fruit-features-{stage}-pipeline.template.json"
    template = json.loads(path.read_text())
    (cluster,) = (one for one in template["Resources"].values() if one["Type"] == CLUSTER)
    cluster["Properties"]["Steps"][0]["HadoopJarStep"]["Args"].append("fail")
    path.write_text(json.dumps(template))
    return assembly


def reasons(account: Account, stage: str) -> str:
    """Return the reasons of all events of the pipeline's stack."""
    events = account.aws.client("cloudformation").describe_stack_events(
        StackName=f"fruit-features-{stage}-pipeline"
    )
    return "\n".join(event.get("ResourceStatusReason", "") for event in events["StackEvents"])


def test_a_run_that_fails_is_rolled_back_and_says_where_its_logs_are(account: Account) -> None:
    """The stack is as it was before; logs and results stay in their buckets."""
    before, outputs = account.cluster_and_run(), account.outputs("dev", "storage")
    with pytest.raises(WaiterError):
        account.deploy_assembly("dev", failing(account.synthesised("dev", run="broken"), "dev"))
    assert account.state("fruit-features-dev-pipeline") == "UPDATE_ROLLBACK_COMPLETE"
    assert account.cluster_and_run() == before
    assert f"logs s3://{outputs['LogsBucket']}/emr/j-" in reasons(account, "dev")
    assert account.outputs("dev", "storage") == outputs
    account.aws.client("s3").head_object(Bucket=outputs["ResultsBucket"], Key="runs/r/manifest.json")


def test_a_deploy_after_a_failed_one_succeeds(account: Account) -> None:
    """The same configuration, whose job no longer fails."""
    account.deploy("dev")
    assert account.state("fruit-features-dev-pipeline") == "UPDATE_COMPLETE"
    assert account.cluster_and_run()[1].startswith("broken-")


@pytest.mark.parametrize("stage", ["prod", "dev"])
def test_what_is_deployed_or_half_deployed_can_be_destroyed(account: Account, stage: str) -> None:
    """The first deploy of prod fails beside dev and is taken away; then dev goes; no cluster is left."""
    cloudformation = account.aws.client("cloudformation")
    if stage == "prod":
        with pytest.raises(WaiterError):
            account.deploy_assembly(stage, failing(account.synthesised(stage), stage))
        assert account.state(f"fruit-features-{stage}-pipeline") == "ROLLBACK_COMPLETE"
        assert account.cluster_state() == "WAITING"
    for part in reversed(PARTS):
        name = f"fruit-features-{stage}-{part}"
        cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    running = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
    clusters = account.aws.client("emr").list_clusters(ClusterStates=running)["Clusters"]
    assert [cluster["Name"] for cluster in clusters if f"-{stage}-" in cluster["Name"]] == []
