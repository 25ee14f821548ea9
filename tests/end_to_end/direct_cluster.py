"""A cluster made by RunJobFlow alone: the real install script, the packaged job, and processes to disturb."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from infra.artifacts.build import deployment_pins
from infra.checkout import ROOT
from infra.cluster.configurations import classifications
from infra.config.deployment import DeploymentConfig
from operate.emr.steps import Step, describe_step, spark_step
from operate.runs.logs import StepLogs, unpacked
from operate.s3.objects import FolderCopy, download, list_objects
from rehearsal.processes import processes_of
from rehearsal.settings import DEFAULT_REGION
from spark_job.contract.node import EXTRACTOR
from spark_job.contract.run_options import ComponentRequest, RunOptions
from spark_job.contract.step import spark_arguments
from tests.end_to_end.stage import FIELDS, VARIANCE
from tests.spark.runs import RunResults
from tests.waiting import wait_until

# Buckets of the tests' own.
STAGED, IMAGES, RESULTS, LOGS = "staged", "images", "results", "logs"
FILES = {
    "job.zip": "dist/spark_job.zip",
    "main.py": "spark_job/main.py",
    "extractor.zip": "dist/extractor.zip",
    "wheelhouse.zip": "dist/wheelhouse.zip",
    "uv.zip": "dist/uv.zip",
    "install.sh": "bootstrap/install.sh",
}
TYPE = "m5.xlarge"
TARGETS = {"ON_DEMAND": "TargetOnDemandCapacity", "SPOT": "TargetSpotCapacity"}
DRIVER = "_000001"  # the first container of an application
WAIT_SECONDS = 420.0


def configuration() -> DeploymentConfig:
    """That of the deployed stage."""
    return DeploymentConfig.from_context(dict(field.split("=", 1) for field in FIELDS))


# What the nodes may do: that of infra/access/cluster_roles.py, in these buckets.
ALLOWED = {
    "s3:ListBucket": (IMAGES, RESULTS),
    "s3:GetObject": (f"{STAGED}/*", f"{IMAGES}/*", f"{RESULTS}/runs/*", f"{RESULTS}/erasures/*"),
    "s3:PutObject": (f"{RESULTS}/runs/*", f"{LOGS}/emr/*"),
    "s3:DeleteObject": (f"{RESULTS}/runs/*",),
    "s3:AbortMultipartUpload": (f"{RESULTS}/runs/*",),
}
NODES = "EMR_EC2_DefaultRole"


def make_nodes_role(iam: Any) -> None:
    """Make the nodes' role and its instance profile."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    allowed = [
        {"Effect": "Allow", "Action": action, "Resource": [f"arn:aws:s3:::{place}" for place in places]}
        for action, places in ALLOWED.items()
    ]
    iam.create_role(RoleName=NODES, AssumeRolePolicyDocument=json.dumps({"Statement": trust}))
    iam.put_role_policy(RoleName=NODES, PolicyName="nodes", PolicyDocument=json.dumps({"Statement": allowed}))
    iam.create_instance_profile(InstanceProfileName=NODES)
    iam.add_role_to_instance_profile(InstanceProfileName=NODES, RoleName=NODES)


def stage_files(s3: Any) -> None:
    """Put what nodes and steps fetch where they fetch it."""
    for bucket in (STAGED, IMAGES, RESULTS, LOGS):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": DEFAULT_REGION})
    for key, path in FILES.items():
        s3.upload_file(str(ROOT / path), STAGED, key)


def cluster_request(fleets: dict[str, str], **overridden: str) -> dict[str, Any]:
    """RunJobFlow's, with one instance a fleet.

    Args:
        fleets: role to market.
        overridden: options of the install script.
    """
    pins, _ = deployment_pins(configuration())
    options = {"installer": "uv.zip", "wheelhouse": "wheelhouse.zip", "extractor": "extractor.zip"}
    given = {name: f"s3://{STAGED}/{key}" for name, key in {**options, **overridden}.items()}
    arguments = [f"--{name}={value}" for name, value in given.items()]
    script = {"Path": f"s3://{STAGED}/install.sh", "Args": [*arguments, f"--pins-sha256={pins.sha256}"]}
    asked = [
        {"InstanceFleetType": role, TARGETS[market]: 1, "InstanceTypeConfigs": [{"InstanceType": TYPE}]}
        for role, market in fleets.items()
    ]
    settings = classifications(configuration().model_copy(update={"task_maximum": int("TASK" in fleets)}))
    # YARN's own interval, as on EMR; a rehearsal looks more often.
    settings.setdefault("yarn-site", {})["yarn.nodemanager.disk-health-checker.interval-ms"] = "120000"
    return {
        "Name": "faults",
        "ReleaseLabel": configuration().release_label,
        "Applications": [{"Name": "Hadoop"}, {"Name": "Spark"}],
        "LogUri": f"s3://{LOGS}/emr/",
        "ServiceRole": "EMR_DefaultRole",
        "JobFlowRole": NODES,
        "Instances": {"InstanceFleets": asked, "KeepJobFlowAliveWhenNoSteps": True},
        "Configurations": [{"Classification": name, "Properties": each} for name, each in settings.items()],
        "BootstrapActions": [{"Name": "install", "ScriptBootstrapAction": script}],
    }


@dataclass(frozen=True)
class DirectCluster:
    """One cluster, by boto3's clients and by the processes of its nodes.

    Args:
        home: Folder of every cluster's nodes on this machine.
    """

    emr: Any
    s3: Any
    home: Path
    id: str

    def state(self) -> dict[str, Any]:
        """State and the reason for it."""
        status: dict[str, Any] = self.emr.describe_cluster(ClusterId=self.id)["Cluster"]["Status"]
        return status

    def node(self, role: str) -> str:
        """The EC2 id of the running instance of a role, which it waits for."""
        found: list[str] = wait_until(lambda: self.nodes(role), f"a running {role} node", WAIT_SECONDS)
        return found[0]

    def nodes(self, role: str) -> list[str]:
        """The EC2 ids of the running instances of a role."""
        found = self.emr.list_instances(
            ClusterId=self.id, InstanceFleetType=role, InstanceStates=["RUNNING"]
        )["Instances"]
        return [one["Ec2InstanceId"] for one in found]

    def resize_tasks(self, count: int) -> None:
        """Have so many task nodes; those that are missing are waited for."""
        fleets = self.emr.list_instance_fleets(ClusterId=self.id)["InstanceFleets"]
        (task,) = [fleet for fleet in fleets if fleet["InstanceFleetType"] == "TASK"]
        market = "SPOT" if task["TargetSpotCapacity"] else "ON_DEMAND"
        wanted = {"InstanceFleetId": task["Id"], TARGETS[market]: count}
        self.emr.modify_instance_fleet(ClusterId=self.id, InstanceFleet=wanted)
        wait_until(lambda: len(self.nodes("TASK")) >= count, f"{count} task nodes", WAIT_SECONDS)

    def submit(self, run_id: str, *, resume: bool = True) -> str:
        """Start the job as the deploy would, but reuse nothing: each run does all its work; the step's id."""
        options = RunOptions.checked(
            images=(f"s3://{IMAGES}",),
            results=f"s3://{RESULTS}/runs",
            extractor=EXTRACTOR,
            request=ComponentRequest(variance=VARIANCE),
            engine=configuration().engine,
            run_id=run_id,
            resume=resume,
            allow_empty=True,
        )
        main, job = f"s3://{STAGED}/main.py", f"s3://{STAGED}/job.zip"
        spark = spark_arguments(run_id, DEFAULT_REGION, main_uri=main, job_uri=job)
        step = spark_step(run_id, [*spark, *options.arguments()])
        return str(self.emr.add_job_flow_steps(JobFlowId=self.id, Steps=[step])["StepIds"][0])

    def ended(self, step_id: str) -> Step:
        """The step, when it has ended."""

        def step() -> Step | None:
            told = describe_step(self.emr, self.id, step_id)
            return None if told.active else told

        found: Step = wait_until(step, f"the end of step {step_id}", WAIT_SECONDS)
        return found

    def working_executor(self, *nodes: str) -> psutil.Process:
        """The JVM of an executor on one of these nodes, once it has given work to its Python."""

        def at_work() -> psutil.Process | None:
            there = (process for node in nodes for process in self.containers(node))
            return next(filter(_is_working, there), None)

        found: psutil.Process = wait_until(at_work, f"an executor at work on {nodes}", WAIT_SECONDS)
        return found

    def executor(self, node: str) -> psutil.Process:
        """The JVM of an executor on a node, as soon as YARN has started it."""
        found: psutil.Process = wait_until(
            lambda: next(filter(_is_executor, self.containers(node)), None),
            f"an executor on {node}",
            WAIT_SECONDS,
        )
        return found

    def containers(self, node: str = "") -> list[psutil.Process]:
        """Processes of YARN's containers, on one node or on all."""
        owner = f"{self.id}/{node}" if node else self.id
        return [process for process in processes_of(self.home, owner) if _container(process)]

    def driver_log(self, step_id: str) -> str:
        """What the job said, in the log bucket."""
        logs = self._logs(step_id)
        return "\n".join(logs.read(uri) for uri in logs.driver_files().values())

    def executors(self, step_id: str) -> set[str]:
        """Containers of a step's application that left logs, but the driver's."""
        prefix = f"emr/{self.id}/containers/{self._logs(step_id).application_id()}/"
        found = {each.key.removeprefix(prefix).split("/")[0] for each in list_objects(self.s3, LOGS, prefix)}
        return {container for container in found if not container.endswith(DRIVER)}

    def log(self, name: str) -> str:
        """One log of the cluster, unpacked."""
        body = self.s3.get_object(Bucket=LOGS, Key=f"emr/{self.id}/{name}")["Body"].read()
        return unpacked(body).decode()

    def has(self, run_id: str, name: str) -> bool:
        """Whether a run has a file of this name."""
        listed = self.s3.list_objects_v2(Bucket=RESULTS, Prefix=f"runs/{run_id}/{name}")
        return "Contents" in listed

    def results(self, run_id: str, folder: Path) -> RunResults:
        """A run's folder, fetched."""
        copy = FolderCopy(self.s3, RESULTS, f"runs/{run_id}/", folder / run_id)
        download(copy, list(list_objects(self.s3, RESULTS, copy.prefix)), at_once=16)
        return RunResults(copy.folder)

    def _logs(self, step_id: str) -> StepLogs:
        return StepLogs(self.s3, f"s3://{LOGS}/emr/{self.id}", step_id)


def _container(process: psutil.Process) -> str:
    try:
        return str(process.environ().get("CONTAINER_ID", ""))
    except psutil.Error:
        return ""  # it ended meanwhile


def _is_executor(process: psutil.Process) -> bool:
    """Whether it is the JVM of an executor."""
    try:
        return process.name() == "java" and not _container(process).endswith(DRIVER)
    except psutil.Error:
        return False  # it ended meanwhile


def _is_working(process: psutil.Process) -> bool:
    """Whether it is the JVM of an executor that has started Python, which is the packaged job's program."""
    try:
        children = process.children(recursive=True) if _is_executor(process) else []
        return any("spark_job.python_daemon" in child.cmdline() for child in children)
    except psutil.Error:
        return False  # it ended meanwhile
