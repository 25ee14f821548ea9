"""One deployment as its stacks' outputs tell it: buckets, cluster, run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.contract import outputs
from infra.contract.aws_clients import CloudFormationClient
from infra.contract.names import STACK_PARTS, run_name_prefix, stack_name
from infra.contract.prefixes import EMR_LOGS, RUNS
from operate.errors import Answer, DeploymentNotFoundError, OperateError
from spark_job.contract.errors import MisuseError


@dataclass(frozen=True)
class Deployment:
    """What the stacks of a stage made; the pipeline's part may be missing, the storage's never is."""

    stage: str
    region: str
    outputs: Mapping[str, str]

    @property
    def name_prefix(self) -> str:
        """What the names of the stage's clusters and steps begin with: `fruit-features-dev-`."""
        return run_name_prefix(self.stage)

    @property
    def images_buckets(self) -> dict[str, str]:
        """Image source to its bucket's name, in the configured order."""
        sources = self.outputs[outputs.IMAGE_SOURCES].split(",")
        return {source: self.outputs[outputs.images_bucket(source)] for source in sources}

    @property
    def results_bucket(self) -> str:
        return self.outputs[outputs.RESULTS_BUCKET]

    @property
    def results_uri(self) -> str:
        """Where each run has its folder: `s3://BUCKET/runs`."""
        return f"s3://{self.results_bucket}/{RUNS}"

    @property
    def logs_bucket(self) -> str:
        return self.outputs[outputs.LOGS_BUCKET]

    @property
    def logs_uri(self) -> str:
        """Where each cluster has its folder of logs: `s3://BUCKET/emr`."""
        return f"s3://{self.logs_bucket}/{EMR_LOGS}"

    @property
    def artifacts_bucket(self) -> str:
        """The bucket for jobs that people bring."""
        return self.outputs[outputs.ARTIFACTS_BUCKET]

    @property
    def cluster_id(self) -> str:
        """The cluster of the last deploy; it may have ended. Raises OperateError: no pipeline is deployed."""
        return self.of_pipeline(outputs.CLUSTER_ID)

    @property
    def run_id(self) -> str:
        """The run of the last deploy. Raises OperateError: no pipeline is deployed."""
        return self.of_pipeline(outputs.RUN_ID)

    def of_pipeline(self, output: str) -> str:
        """Return an output of the pipeline stack. Raises OperateError: that stack was never complete."""
        if output not in self.outputs:
            raise OperateError(
                f"the pipeline of {self.stage} is not deployed (no output {output}); "
                f"`make deploy STAGE={self.stage}` makes it"
            )
        return self.outputs[output]

    def images_bucket(self, source: str | None) -> str:
        """Return the bucket of an image source; None: of the first. Raises MisuseError: there is none."""
        buckets = self.images_buckets
        name = next(iter(buckets)) if source is None else source
        if name not in buckets:
            raise MisuseError(f"source {name}: this deployment has {', '.join(buckets)}")
        return buckets[name]


def find_deployment(cloudformation: CloudFormationClient, stage: str, region: str) -> Deployment:
    """Return the stage's deployment. Raises DeploymentNotFoundError: its storage stack is not there."""
    stage_outputs: dict[str, str] = {}
    for part in STACK_PARTS:
        stage_outputs |= stack_outputs(cloudformation, stack_name(stage, part))
    if outputs.RESULTS_BUCKET not in stage_outputs:
        storage = stack_name(stage, "storage")
        raise DeploymentNotFoundError(
            f"no deployment of {stage} in {region}: there is no finished stack {storage}; "
            f"`make deploy STAGE={stage}` makes it, --stage and --region look elsewhere"
        )
    return Deployment(stage, region, stage_outputs)


def describe_stack(cloudformation: CloudFormationClient, name: str) -> Mapping[str, Any] | None:
    """Return what CloudFormation says of a stack; None: there is no such stack."""
    answer = if_there(lambda: cloudformation.describe_stacks(StackName=name))
    return answer["Stacks"][0] if answer else None


def if_there(ask: Callable[[], Answer]) -> Answer | None:
    """Return what CloudFormation answers of a stack; None: there is no such stack."""
    try:
        return ask()
    except ClientError as error:
        # CloudFormation has no code of its own for it.
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def stack_outputs(cloudformation: CloudFormationClient, name: str) -> dict[str, str]:
    """Return a stack's outputs, name to value; none where the stack was never complete."""
    stack = describe_stack(cloudformation, name)
    # A first deploy that was rolled back names outputs of resources that are gone.
    if stack is None or stack["StackStatus"] in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_COMPLETE"}:
        return {}
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}
