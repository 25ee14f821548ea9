"""The step of a deploy: one spark-submit of the packaged job, as a list of arguments."""

from aws_cdk.aws_emr import CfnCluster

from infra.artifacts.declaration import Artifacts
from infra.config.deployment import DeploymentConfig
from infra.run.identity import Run
from infra.storage.bucket import Buckets
from spark_job.contract.node import EXTRACTOR
from spark_job.contract.run_options import LATEST, ComponentRequest, RunOptions
from spark_job.contract.step import spark_arguments


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
    spark = spark_arguments(
        run.name,
        config.region,
        main_uri=artifacts.entry_point.s3_uri,
        job_uri=artifacts.job.s3_uri,
    )
    return CfnCluster.StepConfigProperty(
        name=run.name,
        action_on_failure="CONTINUE",
        hadoop_jar_step=CfnCluster.HadoopJarStepConfigProperty(
            jar="command-runner.jar", args=[*spark, *job_options(config, buckets, run).arguments()]
        ),
    )
