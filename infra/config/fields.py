"""The fields of a deployment's configuration, each checked on its own, and what follows from them."""

from typing import Annotated

from pydantic import BaseModel, Field

from infra.config import field_types as kind
from infra.config.instances import Architecture, Fleet, InstanceType, instance_types
from infra.config.sizing import MOST_CORES, SparkSizing, spark_configuration
from spark_job.contract.image_names import FOLDER


class DeploymentFields(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What `-c FIELD=VALUE` and cdk.json can set; docs/deployment.md has the text below each field."""

    stage: kind.Stage = "dev"
    """Chooses a set of defaults; the name of every stack contains it."""
    account: kind.Account | None = None
    """The AWS account to deploy to; without it, the account of the credentials."""
    region: kind.Region = "eu-west-3"
    """Everything is created in this region of the European Union."""
    release_label: kind.ReleaseLabel = "emr-7.13.0"
    """The cluster runs this EMR release."""

    primary_instance_types: kind.InstanceTypes = ("m5.xlarge", "m7i-flex.xlarge")
    """The primary node has one of these types."""
    core_instance_types: kind.InstanceTypes = ("m5.xlarge", "m7i-flex.xlarge")
    """Core nodes have one of these types and are always on demand."""
    task_instance_types: kind.InstanceTypes = ("m5.xlarge", "m7i-flex.xlarge")
    """Task nodes have one of these types; with several, Spot capacity is easier to get."""
    # dfs.replication is 2: a lost core node must not take the event logs with it. EMR keeps two core nodes:
    # https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-hdfs-config.html
    core_minimum: int = Field(2, ge=2, le=100)
    """The cluster begins with so many core nodes. Later EMR keeps at least so many core and task nodes
    together, two core nodes among them."""
    core_maximum: int = Field(2, ge=2, le=100)
    """The cluster never has more core nodes than this."""
    task_maximum: int = Field(4, ge=0, le=200)
    """The cluster never has more task nodes than this; while it is idle it has none."""
    task_spot_share: kind.Share = 1.0
    """This share of the task nodes is Spot capacity."""
    # EMR accepts 1 minute to 7 days:
    # https://docs.aws.amazon.com/emr/latest/APIReference/API_AutoTerminationPolicy.html
    idle_timeout_minutes: int = Field(1, ge=1, le=10_080)
    """A cluster that is idle for so many minutes ends by itself. Give more to keep it warm for further runs;
    the plan prices these minutes."""
    executors: int | None = Field(None, ge=1, le=10_000)
    """Spark starts at most so many executors; without it, as many as the nodes can hold."""
    executor_cores: int | None = Field(None, ge=1, le=MOST_CORES)
    """Each executor has so many cores; without it, the number that uses a node best."""
    applications: kind.Applications = ()
    """EMR installs these applications besides Spark and Hadoop."""

    image_sources: kind.SourceNames = ("images",)
    """Each of these names gets an image bucket of its own."""
    existing_image_buckets: kind.SourceBuckets = {}
    """These sources use a bucket that exists already instead of a new one."""
    model: kind.Model = "mobilenet_v2"
    """This network makes the features."""
    weights: kind.WeightsFile | None = None
    """The weights of the network; without it, those that its authors published."""
    engine: str = kind.job_option("engine")
    variance: float = kind.job_option("variance")
    labels: kind.Labels = FOLDER
    """Where the class of an image comes from: a rule over folders, or a table."""
    thumbnails: str = kind.job_option("thumbnails")
    require_consent: bool = kind.job_option("require_consent")
    run: kind.RunName | None = None
    """The name of a new run; without it, code, extractor and parameters name the run."""
    wait_for_run: bool = True
    """Whether the deploy waits for the end of the run, and fails if the run fails."""
    # CloudFormation's limit: 12 hours.
    wait_timeout_minutes: int = Field(120, ge=5, le=720)
    """The deploy fails if the run takes longer than so many minutes."""

    retention_days: Annotated[int, kind.allowed("4 to 15; up to 3650 with `retention_reason`")] = Field(
        14, ge=4, le=3650
    )
    """Images, their versions and their replica are deleted after so many days."""
    retention_reason: kind.Reason | None = None
    """The reason why images may stay longer than 15 days."""
    keep_removed_reason: kind.Reason | None = None
    """The reason why features of images that are gone stay in later runs; without it, later runs drop
    them."""
    results_retention_days: int = Field(365, ge=1, le=3650)
    """Results are deleted after so many days."""
    log_retention_days: kind.LogRetentionDays = 90
    """Logs are deleted after so many days."""
    replicate_images: bool = False
    """Whether every image is copied to a second bucket, in case it is deleted by mistake."""
    removal_policy: kind.RemovalPolicy = "destroy"
    """Whether `make destroy` deletes the buckets with their data, or keeps them."""

    network: kind.NetworkShape = "public"
    """Nodes are in public subnets that admit no connection, or in private ones behind a NAT."""
    vpc_id: kind.VpcId | None = None
    """The cluster uses this VPC, which exists already, instead of a new one."""
    kms_key_arn: kind.KmsKeyArn | None = None
    """This key, which exists already, encrypts the data instead of a new one."""
    transit_certificates: kind.TransitCertificates = "self-signed"
    """These certificates encrypt what the nodes send to each other."""

    submitter_arns: kind.PrincipalArns = ()
    """These users and roles alone may take the submitter's role; without any, everybody in the account whose
    own policy allows it."""

    notification_email: kind.Email | None = None
    """Messages about failures and costs go to this address."""
    rejected_share_alarm: kind.Share = 0.05
    """An alarm goes off when a run rejects a larger share of its images than this."""
    monthly_budget_usd: kind.AmountUsd = 100
    """The budget of a month; messages are sent at 50, 80 and 100 % of it."""
    max_hourly_cost_usd: kind.AmountUsd = 5
    """A configuration whose cluster could cost more than this in an hour is refused."""
    max_run_cost_usd: kind.AmountUsd | None = None
    """A run stops before its cluster has cost more than this; `submit --max-cost` gives one run another
    limit. `--resume` goes on."""
    expected_images: int = Field(100_000, ge=1, le=10**10)
    """The plan estimates a run of so many images."""
    schedule: kind.Schedule | None = None
    """At these times (UTC) a run starts on a cluster of its own, if there are new images."""
    runs_per_month: int = Field(4, ge=0, le=10_000)
    """The plan estimates a month of so many runs."""

    @property
    def removed(self) -> str:
        """What later runs do with the features of images that are gone: `keep` or `drop` them."""
        return "keep" if self.keep_removed_reason else "drop"

    @property
    def architecture(self) -> Architecture:
        """The processor architecture of every node, and so of the wheels."""
        return instance_types()[self.primary_instance_types[0]].architecture

    @property
    def core_node(self) -> InstanceType:
        """The first type of the core nodes, whose size every core and task node has."""
        return instance_types()[self.core_instance_types[0]]

    @property
    def fleets(self) -> tuple[Fleet, ...]:
        """Primary, core and task fleet; without task nodes, no task fleet."""
        primary = Fleet("primary", self.primary_instance_types, 1, 1)
        core = Fleet("core", self.core_instance_types, self.core_minimum, self.core_maximum)
        task = Fleet("task", self.task_instance_types, 0, self.task_maximum, self.task_spot_share)
        return (primary, core, task) if self.task_maximum else (primary, core)

    @property
    def families(self) -> set[str]:
        return {one.family for fleet in self.fleets for one in fleet.instances}

    @property
    def uses_spot(self) -> bool:
        return any(fleet.maximum and fleet.spot_share for fleet in self.fleets)

    @property
    def public_nodes(self) -> bool:
        return self.network == "public"

    def sizing(self, executor_cores: int | None = None) -> SparkSizing:
        """Return how Spark uses a core or task node. Raises NodeTooSmallError: its executors do not fit."""
        cores = executor_cores or self.executor_cores
        return spark_configuration(self.core_node, model=self.model, engine=self.engine, executor_cores=cores)
