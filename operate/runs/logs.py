"""Logs in S3 where EMR puts them: of a step, and of the driver's container, where cluster mode writes.

EMR brings them every five minutes and at a step's end, so that what is missing may still come.
"""

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from infra.contract.aws_clients import S3Client
from operate.errors import OperateError, none_if_refused
from operate.s3.objects import list_objects
from spark_job.contract.uris import bucket_and_key, last_name

STEP_FILES = ("controller", "syslog", "stderr", "stdout")
KINDS = ("driver-stdout", "driver-stderr", "stdout", "stderr", "controller", "syslog")
# In cluster mode the driver's own; else what spark-submit wrote.
DEFAULT_CHOICES = [["driver-stdout", "driver-stderr"], ["stdout", "stderr"], ["controller"]]
APPLICATION = re.compile(r"application_\d+_\d+")
# container_e17_1700000000000_0001_02_000001: the second attempt's first container, which is the driver's.
DRIVER = re.compile(r"container_(?:e\d+_)?\d+_\d+_(\d+)_0*1/")
# `26/11/21 15:32:38 INFO SparkUI: …`
SPARK_NEWS = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (INFO|WARN) ")
MISSING = ("NoSuchKey", "404")


@dataclass(frozen=True)
class StepLogs:
    """The logs of one step of the cluster whose logs lie below `cluster_uri`: `s3://LOGS/emr/CLUSTER`."""

    s3: S3Client
    cluster_uri: str
    step_id: str

    @property
    def step_uri(self) -> str:
        """The step's own folder; in cluster mode it holds what spark-submit said."""
        return f"{self.cluster_uri}/steps/{self.step_id}/"

    def files(self) -> dict[str, str]:
        """Return every log that is there by now, kind to URI."""
        return self.step_files() | self.driver_files()

    def step_files(self) -> dict[str, str]:
        """Return those of the step's files that are there by now, kind to URI."""
        uris = {_kind(uri): uri for uri in self._below(self.step_uri)}
        return {kind: uris[kind] for kind in STEP_FILES if kind in uris}

    def application_id(self) -> str | None:
        """Return YARN's id of the step's Spark application; None: spark-submit has not printed it yet."""
        files = self.step_files()
        for kind in ("stderr", "controller"):
            if kind in files and (ids := APPLICATION.findall(self.read(files[kind]))):
                return str(ids[-1])
        return None

    def driver_files(self) -> dict[str, str]:
        """Return the logs of the driver's latest attempt; none in client mode, or before they are there."""
        application = self.application_id()
        if application is None:
            return {}
        uris = self._below(f"{self.cluster_uri}/containers/{application}/")
        attempts = {uri: int(driver[1]) for uri in uris if (driver := DRIVER.search(uri))}
        latest = sorted(uri for uri, number in attempts.items() if number == max(attempts.values()))
        return {f"driver-{_kind(uri)}": uri for uri in latest if _kind(uri) in STEP_FILES}

    def read(self, uri: str) -> str:
        """Return a log's text, packed by gzip or not yet; empty when it was deleted meanwhile."""
        bucket, key = bucket_and_key(uri)
        answer = none_if_refused(MISSING, lambda: self.s3.get_object(Bucket=bucket, Key=key))
        return unpacked(answer["Body"].read()).decode("utf-8", "replace") if answer else ""

    def _below(self, uri: str) -> Iterator[str]:
        bucket, prefix = bucket_and_key(uri)
        return (f"s3://{bucket}/{one.key}" for one in list_objects(self.s3, bucket, f"{prefix}/"))


def unpacked(content: bytes) -> bytes:
    """Return what gzip packed; a file that is still being written gives what it holds so far."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except EOFError:
        return zlib.decompressobj(wbits=31).decompress(content)


def last_lines(text: str, count: int) -> list[str]:
    """Return the last lines that are not empty, without Spark's news of its shutdown."""
    lines = [line for line in text.splitlines() if line.strip()]
    return ([line for line in lines if not SPARK_NEWS.match(line)] or lines)[-count:]


def _kind(uri: str) -> str:
    return last_name(uri).removesuffix(".gz")


@dataclass
class Reader:
    """Gives the lines of a step's logs, each once, however often it looks."""

    logs: StepLogs
    kinds: tuple[str, ...]  # of the logs; none: the driver's own, else those of spark-submit
    pattern: re.Pattern[str] = re.compile("")
    seen: dict[str, int] = field(default_factory=dict)  # URI to characters

    def new_lines(self, *, to_the_end: bool = True) -> Iterator[str]:
        """Yield the lines since the last call, file by file; `to_the_end` also one that may still grow."""
        files = self.logs.files()
        choices = [[kind for kind in KINDS if kind in self.kinds]] if self.kinds else DEFAULT_CHOICES
        there = [[files[kind] for kind in choice if kind in files] for choice in choices]
        for uri in next(filter(None, there), []):
            text = self.logs.read(uri)
            begin = self.seen.get(uri, 0)
            end = len(text) if to_the_end else text.rfind("\n") + 1
            self.seen[uri] = max(begin, end)
            yield from (line for line in text[begin:end].splitlines() if self.pattern.search(line))


def download(logs: StepLogs, folder: Path, say: Callable[[str], None]) -> list[str]:
    """Save every log of the step as `FOLDER/STEP/KIND.log`. Raises OperateError: none has come yet."""
    files = logs.files()
    if not files:
        raise OperateError(nothing_yet(logs))
    target = folder / logs.step_id
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for kind, uri in files.items():
        path = target / f"{kind}.log"
        path.write_text(logs.read(uri))
        say(str(path))
        written.append(str(path))
    return written


def nothing_yet(logs: StepLogs) -> str:
    """Return a message: why there may be no logs, and what to do."""
    return f"no logs below {logs.step_uri} yet: EMR brings them every five minutes; try again, or --follow"
