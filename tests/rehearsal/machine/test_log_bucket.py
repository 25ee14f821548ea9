"""Logs reach S3 when they grow, and when S3 refuses for a while."""

import gzip
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.machine import log_bucket
from rehearsal.machine.log_bucket import LogBucket
from tests.doubles import Double
from tests.waiting import wait_until


class Refusing(Double):
    """An S3 that answers some requests with an error before it takes one."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.objects = {}
        self.puts = 0

    def put_object(self, Bucket, Key, Body):  # noqa: N803
        self.puts += 1
        if self.statuses:
            status = self.statuses.pop(0)
            answer: Any = {"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {}}
            raise ClientError(answer, "PutObject")
        self.objects[f"{Bucket}/{Key}"] = gzip.decompress(Body)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(log_bucket.time, "sleep", lambda _: None)
    (tmp_path / "s-1").mkdir()
    (tmp_path / "s-1" / "stderr").write_text("one")
    return tmp_path


def test_a_file_is_put_below_the_clusters_id(folder):
    """Packed, its path kept."""
    s3 = Refusing()
    LogBucket(s3, "s3://logs/emr/", "j-1").push({folder: "steps"})
    assert s3.objects == {"logs/emr/j-1/steps/s-1/stderr.gz": b"one"}


def test_nothing_is_lost_when_s3_is_busy(folder):
    """It is asked again."""
    s3 = Refusing(503, 503, 500)
    LogBucket(s3, "s3://logs", "j-1").push({folder: ""})
    assert s3.objects == {"logs/j-1/s-1/stderr.gz": b"one"}


def test_a_bucket_that_is_not_there_is_told_and_not_asked_again(folder, caplog):
    """The step's own outcome does not depend on its logs."""
    s3 = Refusing(404)
    LogBucket(s3, "s3://logs", "j-1").push({folder: ""})
    assert s3.puts == 1
    assert "s3://logs/j-1/s-1/stderr.gz was not written" in caplog.text


def test_only_what_has_grown_is_put_again(folder):
    """And only then."""
    s3 = Refusing()
    bucket = LogBucket(s3, "s3://logs", "j-1")
    bucket.push({folder: ""})
    bucket.push({folder: ""})
    assert s3.puts == 1
    (folder / "s-1" / "stderr").write_text("one two")
    bucket.push({folder: ""})
    assert s3.objects == {"logs/j-1/s-1/stderr.gz": b"one two"}


def test_a_cluster_without_a_log_uri_keeps_its_logs_here(folder):
    """EMR archives none then."""
    s3 = Refusing()
    LogBucket(s3, None, "j-1").push({folder: ""})
    assert s3.puts == 0


def test_logs_may_come_later(folder):
    """As with EMR, which brings them every few minutes."""
    s3 = Refusing()
    LogBucket(s3, "s3://logs", "j-1", lambda: 0.05).push({folder: ""})
    assert s3.objects == {}
    wait_until(lambda: s3.objects == {"logs/j-1/s-1/stderr.gz": b"one"}, "the log is there", 10, pause=0.01)
