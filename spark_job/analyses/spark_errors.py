"""Errors of Spark's tasks, in the words of their cause."""

from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from spark_job.errors import JobError
from spark_job.pipeline.run import cause


@contextmanager
def named_by_cause(what: str) -> Iterator[None]:
    """Turn what Spark raises into an error of one line.

    Raises:
        JobError: a task failed.
    """
    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise JobError(
            f"{what} failed: {cause(error)}; mend the cause and run the same command again"
        ) from error
