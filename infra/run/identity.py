"""What a run is called, and its step: the same inputs, the same name; an unchanged deploy changes nothing."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aws_cdk.aws_emr import CfnCluster

from infra.artifacts.declaration import Artifacts
from infra.config.deployment import DeploymentConfig
from infra.contract.names import named_by_content, run_name_prefix
from infra.contract.prefixes import RUNS
from infra.storage.bucket import Buckets
from spark_job.contract.node import EXTRACTOR
from spark_job.contract.options import DEPLOY
from spark_job.contract.run_options import LATEST, ComponentRequest, RunOptions
from spark_job.contract.step import spark_arguments

SETTINGS_LENGTH = 6


def job_parameters(config: DeploymentConfig) -> dict[str, Any]:
    """Return what the configuration says about the results: sources, and the options that a deploy offers."""
    return {
        "images": {name: config.existing_image_buckets.get(name) for name in config.image_sources},
        "removed": config.removed,
        "retention_days": config.results_retention_days,
        **{option.name: getattr(config, option.name) for option in RunOptions.table(DEPLOY)},
    }


def run_id(*, job_hash: str, extractor_hash: str, parameters: Mapping[str, Any], name: str | None) -> str:
    """Return the run's name with digits of job, extractor, parameters and the name itself."""
    return named_by_content(name, [job_hash, extractor_hash, parameters, name])


@dataclass(frozen=True)
class Run:
    """One run of a stage, and the names that follow from it."""

    stage: str
    id: str

    @property
    def prefix(self) -> str:
        """The beginning of the names of all steps and clusters of the stage."""
        return run_name_prefix(self.stage)

    @property
    def name(self) -> str:
        """The name of the step, with which the cluster's name begins; EMR's events carry both."""
        return f"{self.prefix}{self.id}"

    @property
    def construct_suffix(self) -> str:
        """The digest alone, for ids of what must be new for each run."""
        return self.id.rpartition("-")[2]

    def results_uri(self, bucket: str) -> str:
        return f"s3://{bucket}/{RUNS}"


def run_of(config: DeploymentConfig, *, job_hash: str, extractor_hash: str) -> Run:
    """Return the run that this configuration, job and extractor ask for."""
    identity = run_id(
        job_hash=job_hash, extractor_hash=extractor_hash, parameters=job_parameters(config), name=config.run
    )
    return Run(config.stage, identity)


def cluster_name(run: Run, config: DeploymentConfig) -> str:
    """Return the run's name with a digest of fleets, network and idle time: other ones, another cluster.

    CloudFormation would change them in place, and EMR refuses that for a cluster that has ended, as ours has
    most of the time: "A job flow that is shutting down, terminated, or finished may not be modified".
    https://docs.aws.amazon.com/emr/latest/APIReference/API_ModifyInstanceFleet.html
    """
    fleets = [asdict(fleet) for fleet in config.fleets]
    settings = json.dumps([fleets, config.network, config.vpc_id, config.idle_timeout_minutes])
    return f"{run.name}-{hashlib.sha256(settings.encode()).hexdigest()[:SETTINGS_LENGTH]}"


def job_options(config: DeploymentConfig, buckets: Buckets, run: Run) -> RunOptions:
    """Return what a deploy asks of the job: all image sources, into the folder of its run.

    Only new images are computed. Features of images that are gone go too, unless the configuration says why
    they stay: each run that copied them would keep them for another `results_retention_days`. A second
    attempt, or a deploy over results that were kept, is no error. The first deploy succeeds before any
    upload. Names of buckets are known at the deploy only, so the options are not checked here.
    """
    return RunOptions(
        images=tuple(f"s3://{bucket.bucket_name}" for bucket in buckets.images),
        results=run.results_uri(buckets.results.bucket_name),
        extractor=EXTRACTOR,
        request=ComponentRequest(variance=config.variance),
        engine=config.engine,
        labels=config.labels,
        thumbnails=config.thumbnails,
        require_consent=config.require_consent,
        retention_days=config.results_retention_days,
        previous=LATEST,
        removed=config.removed,
        run_id=run.id,
        resume=True,
        allow_empty=True,
    )


def run_step(
    run: Run, config: DeploymentConfig, buckets: Buckets, artifacts: Artifacts
) -> CfnCluster.StepConfigProperty:
    """Describe the step as CloudFormation wants it; after a failure the cluster stays until it idles."""
    main, job = artifacts.entry_point.s3_uri, artifacts.job.s3_uri
    words = spark_arguments(run.name, config.region, main_uri=main, job_uri=job)
    words += job_options(config, buckets, run).arguments()
    jar = CfnCluster.HadoopJarStepConfigProperty(jar="command-runner.jar", args=words)
    return CfnCluster.StepConfigProperty(name=run.name, action_on_failure="CONTINUE", hadoop_jar_step=jar)
