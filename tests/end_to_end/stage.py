"""The deployment of the end-to-end tests: dev, with the one network whose weights come with pip."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.clusters import elastic_map_reduce
from rehearsal.emr.service import ElasticMapReduce
from rehearsal.settings import Settings
from tests.rehearsal.emulator import busy_s3
from tests.rehearsal.emulator.conftest import CDK, TESTER, Aws
from tests.rehearsal.emulator.quick_clusters import add_tester

STACKS = ("storage", "monitoring", "pipeline")
VARIANCE = 0.8
# A primary and two core nodes: task nodes are the faults' subject, and each takes seconds to prepare.
# The cluster waits for further runs, which a person asks for.
FIELDS = (
    "stage=dev",
    "model=efficientnet_lite0",
    "task_maximum=0",
    "wait_timeout_minutes=30",
    "idle_timeout_minutes=30",
)
BUCKET_OF_CDK = "cdk-"
OF_SUBMITTERS = ("cancel", "cost", "fetch", "logs", "runs", "status", "submit", "upload")


def make(settings: Settings) -> ElasticMapReduce:
    """For `Server(emr=…)`: the rehearsal's own, a tester, and an S3 that may be too busy."""
    add_tester(settings)
    busy_s3.install()
    return elastic_map_reduce(settings)


def words(fields: tuple[str, ...]) -> list[str]:
    """As `cdk` and `infra.artifacts` take them."""
    return [word for field in fields for word in ("-c", field)]


@dataclass(frozen=True)
class Stage:
    """What a person does with a deployment, by the programs that they have."""

    aws: Aws
    folder: Path

    def deploy(self, *fields: str) -> subprocess.CompletedProcess[str]:
        """What `make deploy` does, of all stacks."""
        return self.aws.run(
            *(CDK, "deploy", "--all", "--require-approval=never", "--concurrency=2", "--no-notices", "--ci"),
            *("--progress=events", f"--output={self.assembly}", *words((*FIELDS, *fields))),
        )

    @property
    def assembly(self) -> Path:
        """The stacks as they were last synthesised."""
        return self.folder / "cdk.out"

    def operate(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """`fruit`, by the deployer or, for what they are for, by who has the submitter's role."""
        keys = self.aws.submitter("dev") if arguments[0] in OF_SUBMITTERS else None
        return self.aws.run(sys.executable, "-m", "fruit", *arguments, keys=keys)

    def aws_cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """AWS's own command line, which asks for more than `fruit`; `emr` wants the endpoint given."""
        program = Path(sys.executable).with_name("aws")
        endpoint = self.aws.server.settings.endpoint
        return self.aws.run(program, "--endpoint-url", endpoint, *arguments, keys=self.aws.keys_of(TESTER))

    def outputs(self, stack: str) -> dict[str, str]:
        """Of one stack."""
        found = self._stack(stack).get("Outputs", [])
        return {output["OutputKey"]: output["OutputValue"] for output in found}

    def state(self, stack: str) -> str:
        """Of one stack."""
        return str(self._stack(stack)["StackStatus"])

    def cluster_state(self, cluster_id: str) -> str:
        """Of any cluster."""
        told = self.aws.client("emr").describe_cluster(ClusterId=cluster_id)
        return str(told["Cluster"]["Status"]["State"])

    def of_run(self, run_id: str, name: str) -> Any:
        """A JSON file of a run's folder."""
        bucket = self.outputs("storage")["ResultsBucket"]
        body = self.aws.client("s3").get_object(Bucket=bucket, Key=f"runs/{run_id}/{name}")["Body"]
        return json.load(body)

    def _stack(self, stack: str) -> dict[str, Any]:
        name = f"fruit-features-dev-{stack}"
        (found,) = self.aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        described: dict[str, Any] = found
        return described
