"""The step that runs the job: the words of its spark-submit, written and read again."""

from collections.abc import Sequence

from spark_job.contract.node import PYTHON

# The program from which Spark forks Python workers, here and on a node, where it stands in the packaged job.
PYTHON_DAEMON = {"spark.python.daemon.module": "spark_job.python_daemon"}


def spark_arguments(name: str, region: str, *, main_uri: str, job_uri: str) -> list[str]:
    """Return spark-submit in cluster mode, the entry point last; job_uri: the packaged job; name: on YARN."""
    settings = {
        "spark.pyspark.python": PYTHON,
        "spark.yarn.appMasterEnv.PYSPARK_PYTHON": PYTHON,
        # The job's S3 client asks for the region; instances do not say it to Python.
        "spark.yarn.appMasterEnv.AWS_REGION": region,
        "spark.executorEnv.AWS_REGION": region,
        **PYTHON_DAEMON,
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


def split_step(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return spark-submit's words, up to the entry point (*.py), and the job's; None: no Python job."""
    for place, word in enumerate(words, start=1):
        if word.endswith(".py") and not word.startswith("-"):
            return tuple(words[:place]), tuple(words[place:])
    return None
