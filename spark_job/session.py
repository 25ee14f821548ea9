"""The Spark session: the cluster's own under spark-submit, else one on all cores here; its errors."""

import concurrent.futures.thread  # noqa: F401 - registers what a fork does: before Java's, in another thread
import errno
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from heapq import nsmallest
from itertools import chain
from math import ceil, log
from operator import add, itemgetter
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar, Self, TypeVar

from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from spark_job.contract.java import find_java_home
from spark_job.contract.step import PYTHON_DAEMON
from spark_job.contract.uris import UNSIGNED_BUCKETS
from spark_job.errors import JobError, scratch_advice

Key = TypeVar("Key")
Task = TypeVar("Task")
Total = TypeVar("Total")
LOCAL_MASTER = "local[*,4]"  # a worker that dies costs its task another attempt, as on a cluster
# Made by `make setup` (class_archive.py); without it Java takes twice as long to start Spark.
CLASS_ARCHIVE = Path(sys.prefix) / "spark-classes.jsa"
AGAIN = "mend the cause and run the same command again"
# Sums of so many tasks meet in the driver at once; more meet in tasks before, which Spark must shuffle.
MAX_SUMMED_BY_THE_DRIVER = 16
MAX_MERGED_BYTES = 256 * 1024**2
# What py4j logs, with a traceback, when Ctrl-C ends a run; the run itself says so in a line.
STOPPED = "KeyboardInterrupt while sending command."
# Settings of another Spark on this machine: this one has a configuration and a Python of its own.
OF_ANOTHER_SPARK = (
    *("SPARK_HOME", "SPARK_CONF_DIR", "SPARK_DIST_CLASSPATH", "SPARK_CLASSPATH", "SPARK_MASTER"),
    *("PYSPARK_SUBMIT_ARGS", "PYSPARK_DRIVER_PYTHON", "HADOOP_HOME", "HADOOP_CONF_DIR", "YARN_CONF_DIR"),
)


def open_session(name: str) -> SparkSession:
    """Return the session of this process; FruitError: there is no Java 17 to start Spark with."""
    logging.getLogger().addFilter(_is_no_stop)
    unsigned = os.environ.get(UNSIGNED_BUCKETS, "")
    builder = SparkSession.builder.appName(name).config(f"spark.executorEnv.{UNSIGNED_BUCKETS}", unsigned)
    if not under_spark_submit():
        prepare_environment()
        for key, value in local_configuration().items():
            builder = builder.config(key, value)
    return builder.getOrCreate()


def _is_no_stop(record: logging.LogRecord) -> bool:
    return record.msg != STOPPED


def under_spark_submit() -> bool:
    """Return whether spark-submit started this process."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def prepare_environment() -> Path:
    """Tell Spark which Java and Python to run, and to stay here; return the Java's folder."""
    os.environ["JAVA_HOME"] = find_java_home()
    for name in OF_ANOTHER_SPARK:
        os.environ.pop(name, None)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    return Path(os.environ["JAVA_HOME"])


def begin_session(name: str, in_each_worker: Callable[[int], None]) -> Callable[[], SparkSession]:
    """Open the session while libraries are imported, and make its workers ready; the answer waits for it."""
    opened: Future[SparkSession] = Future()

    def open_it() -> None:
        try:
            opened.set_result(open_session(name))
        except BaseException as error:
            opened.set_exception(error)
            return
        spark = opened.result().sparkContext
        if spark.master == LOCAL_MASTER:
            workers = spark.defaultParallelism
            with suppress(Exception):  # what fails here fails again in the first task, which says so
                spark.parallelize(range(workers), workers).foreach(in_each_worker)

    Thread(target=open_it, daemon=True).start()
    return opened.result


class Sum:
    """Partial results in a dataclass that adds up field by field."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(mine + getattr(other, name) for name, mine in vars(self).items()))


class Sums(dict[Key, Total]):
    """Totals by key; they add up key by key."""

    def __add__(self, other: "Sums[Key, Any]") -> "Sums[Key, Any]":
        both = {key: self[key] + other[key] for key in self.keys() & other.keys()}
        return Sums({**self, **other, **both})


class First(tuple[Any, ...]):
    """Pairs of a rank and an item: those of the smallest ranks, in order, at most `most`; they add up."""

    most: ClassVar[int]

    def __new__(cls, ranked: Iterable[tuple[Any, Any]] = ()) -> Self:
        return super().__new__(cls, nsmallest(cls.most, ranked, key=itemgetter(0)))

    def __add__(self, other: Iterable[tuple[Any, Any]]) -> Self:  # type: ignore[override]
        return type(self)(chain(self, other))


def sum_over_tasks(spark: SparkContext, tasks: Sequence[Task], work: Callable[[Task], Total]) -> Total:
    """Return the sum of what `work` gives for each task, each by a Spark task of its own; at least one."""
    depth = 1 if len(tasks) <= MAX_SUMMED_BY_THE_DRIVER else 2
    total: Total = spark.parallelize(tasks, len(tasks)).map(work).treeReduce(add, depth)
    return total


def tree_depth(tasks: int, partial_bytes: int) -> int:
    """Return the depth of a tree in which partials of so many tasks meet, some 256 MiB in one place."""
    merged_at_once = max(2, min(16, MAX_MERGED_BYTES // partial_bytes))
    return max(1, ceil(log(tasks, merged_at_once)))


def local_configuration() -> dict[str, str]:
    """Return how Spark runs on one machine."""
    here, scratch = Path(__file__).resolve().parent, tempfile.gettempdir()
    return {
        "spark.master": LOCAL_MASTER,
        "spark.driver.memory": "2g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": str(os.cpu_count() or 1),
        "spark.local.dir": scratch,
        # Partials of moments, some MB each: by way of Spark's block manager they take twice as long.
        "spark.task.maxDirectResultSize": "64m",
        "spark.executorEnv.PYTHONPATH": str(here.parent),  # from where the driver found this package
        **PYTHON_DAEMON,
        # The quick compiler alone: the JVM lives for seconds here and moves data; the work is in Python.
        "spark.driver.extraJavaOptions": " ".join(
            [
                "-XX:TieredStopAtLevel=1",
                java_word(f"-Djava.io.tmpdir={scratch}"),
                f"-Dlog4j2.configurationFile={(here / 'log4j2.properties').as_uri()}",
                *([java_word(f"-XX:SharedArchiveFile={CLASS_ARCHIVE}")] if CLASS_ARCHIVE.is_file() else []),
            ]
        ),
    }


def java_word(text: str) -> str:
    """Quote one of the Java options, which Spark splits as a shell does: names of folders may hold blanks."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@contextmanager
def named_by_cause(what: str, next_step: str = AGAIN) -> Iterator[None]:
    """Turn an error of Spark in this block into a `JobError`: what failed, its cause, what to do about it."""
    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise JobError(f"{what} failed: {cause(error)}; {next_step}") from error


def cause(error: Exception) -> str:
    """Return the line of a Spark error that names its cause: the last `SomethingError: …` of a traceback."""
    lines = [line.strip().removeprefix(": ") for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"(\w+\.)*\w*(Error|Exception|Killed)\w*: ", line)]
    line = (named or lines or [type(error).__name__])[-1]
    if os.strerror(errno.ENOSPC) in line:
        line += f"; {scratch_advice()}"
    return re.sub(r"^spark_job\.errors\.\w+: ", "", line)
