"""The configuration of one deployment: frozen, typed, checked once."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from infra.config import field_types as kind
from infra.config.checks import check
from infra.config.context import from_stage, typed_values
from infra.config.fleets import Fleet
from infra.config.instances import Architecture, InstanceType, instance_types
from infra.config.sizing import MOST_CORES, SparkSizing, spark_configuration

# What differs by stage unless the configuration says otherwise.
STAGE_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "dev": {"network": "public", "removal_policy": "destroy", "replicate_images": False},
    "prod": {"network": "private", "removal_policy": "retain", "replicate_images": True},
}


class DeploymentConfig(BaseModel, frozen=True, extra="forbid"):
    """What one `cdk deploy --all` builds and runs.

    Raises (when made through `from_context`):
        ConfigError: a field is unknown, of the wrong type, out of range, or contradicts another.
    """

    stage: kind.Stage = Field("dev", description="Which set of defaults; part of every stack's name")
    account: kind.Account | None = Field(None, description="AWS account; none: that of the credentials")
    region: kind.Region = Field("eu-west-3", description="Where everything is; in the European Union")
    release_label: kind.ReleaseLabel = Field("emr-7.13.0", description="EMR release")

    primary_instance_types: kind.InstanceTypes = Field(
        ("m5.xlarge", "m7i-flex.xlarge"), description="Primary node: one of these"
    )
    core_instance_types: kind.InstanceTypes = Field(
        ("m5.xlarge", "m7i-flex.xlarge"), description="Core nodes, on demand"
    )
    task_instance_types: kind.InstanceTypes = Field(
        ("m5.xlarge", "m7i-flex.xlarge"), description="Task nodes; several, for Spot"
    )
    # dfs.replication is 2: a lost core node must not take the event logs with it.
    core_minimum: int = Field(2, ge=2, le=100, description="Core nodes at least")
    core_maximum: int = Field(2, ge=2, le=100, description="Core nodes at most")
    task_maximum: int = Field(
        4, ge=0, le=200, description="Task nodes at most; one at the start, none when idle"
    )
    task_spot_share: kind.Share = Field(1.0, description="Share of the task nodes that are Spot")
    # EMR accepts 1 minute to 7 days:
    # https://docs.aws.amazon.com/emr/latest/APIReference/API_AutoTerminationPolicy.html
    idle_timeout_minutes: int = Field(30, ge=1, le=10_080, description="The idle cluster ends after this")
    executors: int | None = Field(None, ge=1, le=10_000, description="Executors at most; none: by scaling")
    executor_cores: int | None = Field(
        None, ge=1, le=MOST_CORES, description="Cores of an executor; none: what uses a node best"
    )
    applications: tuple[kind.Application, ...] = Field(
        (), description="Applications besides Spark and Hadoop"
    )

    image_sources: Annotated[tuple[kind.SourceName, ...], Field(min_length=1, max_length=10)] = Field(
        ("images",), description="Names of image buckets, one each"
    )
    existing_image_buckets: dict[kind.SourceName, kind.BucketName] = Field(
        default_factory=dict, description="Buckets to use instead of making them"
    )
    model: kind.Model = Field("mobilenet_v2", description="Network that makes the features")
    weights: kind.WeightsFile | None = Field(None, description="Weights of the network; none: its own source")
    engine: kind.Engine = Field("openvino", description="What runs the network on the nodes")
    variance: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = Field(
        0.80, description="Share of the variance that the components keep"
    )
    run: kind.RunName | None = Field(None, description="Name of a new run; none: by what runs")
    wait_for_run: bool = Field(True, description="The deploy ends with the run, and fails with it")
    # CloudFormation's limit: 12 hours.
    wait_timeout_minutes: int = Field(120, ge=5, le=720, description="The deploy fails after this")

    retention_days: Annotated[int, kind.Allowed("4 to 15; up to 3650 with `retention_reason`")] = Field(
        14, ge=4, le=3650, description="Source images, their versions and their replica expire after"
    )
    retention_reason: kind.Reason | None = Field(None, description="Why images may stay longer than 15 days")
    results_retention_days: int = Field(365, ge=1, le=3650, description="Results expire after")
    log_retention_days: kind.LogRetentionDays = Field(90, description="Logs expire after")
    replicate_images: bool = Field(False, description="Keep a replica of the images in a bucket of its own")
    removal_policy: kind.RemovalPolicy = Field("destroy", description="What `destroy` does with the data")

    network: kind.NetworkShape = Field(
        "public", description="Subnets: public without inbound rules, or behind NAT"
    )
    vpc_id: kind.VpcId | None = Field(None, description="An existing VPC instead of ours")
    kms_key_arn: kind.KmsKeyArn | None = Field(None, description="An existing key instead of ours")
    transit_certificates: kind.TransitCertificates = Field(
        "self-signed", description="Certificates for encryption between nodes"
    )

    notification_email: kind.Email | None = Field(None, description="Who is told of failures and costs")
    rejected_share_alarm: kind.Share = Field(0.05, description="Alarm above this share of rejected images")
    monthly_budget_usd: kind.AmountUsd = Field(100, description="Budget with alerts at 50, 80 and 100 %")
    max_hourly_cost_usd: kind.AmountUsd = Field(
        5, description="A cluster that could cost more an hour is refused"
    )
    expected_images: int = Field(100_000, ge=1, le=10**10, description="Images of a run, for the estimate")
    runs_per_month: int = Field(4, ge=0, le=10_000, description="Runs in a month, for the estimate")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_stage(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**STAGE_DEFAULTS.get(str(values.get("stage", "dev")), {}), **values}

    @model_validator(mode="after")
    def _check(self) -> Self:
        check(self)
        return self

    @property
    def architecture(self) -> Architecture:
        """Of every node, and so of the wheels."""
        return instance_types()[self.primary_instance_types[0]].architecture

    @property
    def core_node(self) -> InstanceType:
        """The size of every core and task node."""
        return instance_types()[self.core_instance_types[0]]

    def sizing(self, executor_cores: int | None = None) -> SparkSizing:
        """How Spark uses a core or task node: executors of these cores. Raises NodeTooSmallError."""
        cores = executor_cores or self.executor_cores
        return spark_configuration(self.core_node, model=self.model, engine=self.engine, executor_cores=cores)

    @property
    def fleets(self) -> tuple[Fleet, ...]:
        """Primary, core and task fleet; without task nodes, no task fleet."""
        primary = Fleet("primary", self.primary_instance_types, 1, 1)
        core = Fleet("core", self.core_instance_types, self.core_minimum, self.core_maximum)
        task = Fleet("task", self.task_instance_types, 0, self.task_maximum, self.task_spot_share)
        return (primary, core, task) if self.task_maximum else (primary, core)

    @property
    def public_nodes(self) -> bool:
        """Whether nodes have public addresses."""
        return self.network == "public"

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """The configuration in CDK's context, where `-c` has made every value a string.

        CDK's own keys are passed over; `stages` holds values for one stage, which the top level overrides.
        """
        return typed_values(cls, from_stage(context))
