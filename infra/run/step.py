"""The step: one spark-submit of the packaged job, as a list of arguments."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk.aws_emr import CfnCluster

from infra.access.buckets import Buckets
from infra.config.deployment import DeploymentConfig
from infra.run.identity import Run
from spark_job.contract.node import EXTRACTOR, PYTHON


@dataclass(frozen=True)
class JobRequest:
    """What the job is asked for; URIs as the nodes see them."""

    images: Sequence[str]
    results: str
    run_id: str
    variance: float
    engine: str
    extractor: str = EXTRACTOR


def job_arguments(request: JobRequest) -> list[str]:
    """The job's own arguments, each in one word: EMR refuses a list with two equal items.

    `--previous=latest`: only new images are computed. `--removed=keep`: source images expire by retention,
    what was learnt of them stays. `--resume`: a second attempt, or a redeploy over results that were kept, is
    no error. `--allow-empty`: the first deploy, before any upload, succeeds.
    """
    return [
        "run",
        *(f"--images={uri}" for uri in request.images),
        f"--results={request.results}",
        f"--extractor={request.extractor}",
        f"--run-id={request.run_id}",
        f"--variance={request.variance}",
        f"--engine={request.engine}",
        "--previous=latest",
        "--removed=keep",
        "--resume",
        "--allow-empty",
    ]


def spark_arguments(name: str, region: str, *, main_uri: str, job_uri: str) -> list[str]:
    """spark-submit in cluster mode, with the node's own environment for the driver and the workers."""
    settings = {
        "spark.pyspark.python": PYTHON,
        "spark.yarn.appMasterEnv.PYSPARK_PYTHON": PYTHON,
        # The job's S3 client asks for the region; instances do not say it to Python.
        "spark.yarn.appMasterEnv.AWS_REGION": region,
        "spark.executorEnv.AWS_REGION": region,
    }
    return [
        "spark-submit",
        "--master=yarn",
        "--deploy-mode=cluster",
        f"--name={name}",
        *(f"--conf={key}={value}" for key, value in settings.items()),
        f"--py-files={job_uri}",
        main_uri,
    ]


def job_request(config: DeploymentConfig, buckets: Buckets, run: Run) -> JobRequest:
    """All image sources of the configuration, into the run's folder."""
    return JobRequest(
        images=[f"s3://{bucket.bucket_name}" for bucket in buckets.images],
        results=run.results_uri(buckets.results.bucket_name),
        run_id=run.id,
        variance=config.variance,
        engine=config.engine,
    )


def run_step(
    name: str, region: str, *, main_uri: str, job_uri: str, request: JobRequest
) -> CfnCluster.StepConfigProperty:
    """The whole step."""
    spark = spark_arguments(name, region, main_uri=main_uri, job_uri=job_uri)
    return spark_step(name, [*spark, *job_arguments(request)])


def spark_step(name: str, arguments: Sequence[str]) -> CfnCluster.StepConfigProperty:
    """The step as the cluster wants it. After a failure the cluster stays until it idles."""
    return CfnCluster.StepConfigProperty(
        name=name,
        action_on_failure="CONTINUE",
        hadoop_jar_step=CfnCluster.HadoopJarStepConfigProperty(
            jar="command-runner.jar", args=list(arguments)
        ),
    )
