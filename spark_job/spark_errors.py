"""Spark's errors in one line: the cause in a worker, not the stack above it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from spark_job.errors import JobError

AGAIN = "mend the cause and run the same command again"


@contextmanager
def named_by_cause(what: str, next_step: str = AGAIN) -> Iterator[None]:
    """Turn an error of Spark in this block into a `JobError` that names its cause.

    Args:
        what: failed, as `the stage features`.
        next_step: what to do about it.
    """
    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise JobError(f"{what} failed: {cause(error)}; {next_step}") from error


def cause(error: Exception) -> str:
    """Return the line of a Spark error that names its cause: the last `SomethingError: …` of a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"(\w+\.)*\w*(Error|Exception|Killed)\w*: ", line)]
    return (named or lines or [type(error).__name__])[-1]
