"""Logs in S3 where EMR puts them: of a step, and of the driver's container, where cluster mode writes.

EMR brings them every five minutes and at a step's end, so that what is missing may still come.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from infra.contract.aws_clients import S3Client
from infra.launch.image_listing import split_uri

STEP_FILES = ("controller", "syslog", "stderr", "stdout")
APPLICATION = re.compile(r"application_\d+_\d+")
# container_e17_1700000000000_0001_02_000001: the second attempt's first container, which is the driver.
CONTAINER = re.compile(r"container_(?:e\d+_)?\d+_\d+_(\d+)_(\d+)")
DRIVER_NUMBER = 1
# `26/11/21 15:32:38 INFO SparkUI: …`
SPARK_NEWS = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (INFO|WARN) ")
MISSING = ("NoSuchKey", "404")


@dataclass(frozen=True)
class LogFile:
    """One log, packed by gzip or not yet."""

    uri: str
    kind: str  # controller, syslog, stderr, stdout; driver-stderr, driver-stdout


@dataclass(frozen=True)
class StepLogs:
    """The logs of one step of one cluster.

    Args:
        s3: boto3's client.
        cluster_uri: `s3://LOGS/emr/CLUSTER`.
    """

    s3: S3Client
    cluster_uri: str
    step_id: str

    @property
    def step_uri(self) -> str:
        """The step's own folder; in cluster mode it holds what spark-submit said."""
        return f"{self.cluster_uri}/steps/{self.step_id}/"

    def step_files(self) -> list[LogFile]:
        """Return those of the step's files that are there by now."""
        uris = {_kind(uri): uri for uri in self._below(self.step_uri)}
        return [LogFile(uris[kind], kind) for kind in STEP_FILES if kind in uris]

    def application_id(self) -> str | None:
        """Return YARN's id of the step's Spark application; None: spark-submit has not printed it yet."""
        for file in self.step_files():
            if file.kind in ("stderr", "controller"):
                ids = APPLICATION.findall(self.read(file))
                if ids:
                    return str(ids[-1])
        return None

    def driver_files(self) -> list[LogFile]:
        """Return the logs of the driver's latest attempt; none in client mode, or before they are there."""
        application = self.application_id()
        if application is None:
            return []
        uris = self._below(f"{self.cluster_uri}/containers/{application}/")
        attempts = {uri: number for uri in uris if (number := _driver_attempt(uri)) is not None}
        latest = max(attempts.values(), default=0)
        kinds = {
            uri: uri.rpartition("/")[2].removesuffix(".gz") for uri in attempts if attempts[uri] == latest
        }
        return [LogFile(uri, f"driver-{kind}") for uri, kind in sorted(kinds.items()) if kind in STEP_FILES]

    def read(self, file: LogFile) -> str:
        """Return a log's text; empty when it was deleted meanwhile."""
        bucket, key = split_uri(file.uri)
        try:
            content = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                return ""
            raise
        return unpacked(content).decode("utf-8", "replace")

    def _below(self, uri: str) -> Iterator[str]:
        bucket, prefix = split_uri(uri)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        for page in pages:
            for entry in page.get("Contents", ()):
                yield f"s3://{bucket}/{entry['Key']}"


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
    return uri.rpartition("/")[2].removesuffix(".gz")


def _driver_attempt(uri: str) -> int | None:
    """Return the attempt whose driver wrote this file; None: an executor did."""
    container = CONTAINER.search(uri)
    return int(container[1]) if container and int(container[2]) == DRIVER_NUMBER else None
