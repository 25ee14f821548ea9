"""Claims: one object for each run for which a cluster is or was started; whoever writes it first has it."""

import json
from collections.abc import Callable, Container
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from infra.contract.aws_clients import S3Client
from infra.contract.prefixes import LAUNCHES
from infra.launch.checks import RepeatedRunError

# To who may list one prefix alone S3 does not say that an object is absent.
GONE = ("NoSuchKey", "AccessDenied")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
LOST = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")
CLAIMS = f"{LAUNCHES}/runs/"
# A function lives 15 minutes at most: a claim without a cluster that is older has nobody any more.
PENDING = timedelta(minutes=16)


class Claims:
    """The claims of a stage, below one prefix of its artifacts bucket."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def take(self, run_id: str, active_clusters: Callable[[], Container[str]]) -> None:
        """Claim a run, or take over the claim of a cluster that has ended. Raises RepeatedRunError.

        Args:
            active_clusters: Lists the clusters that are up. It is asked after the claim was read: a cluster
                that was started since an earlier list counts too.
        """
        if self._put(run_id, None, IfNoneMatch="*"):
            return
        changed = RepeatedRunError(f"run {run_id} is started at this moment: try again in a minute")
        held = self._get(_key(run_id))
        if held is None:
            raise changed
        cluster_id = json.load(held["Body"])["cluster_id"]
        if cluster_id in active_clusters() if cluster_id else _is_young(held["LastModified"]):
            place = f"on cluster {cluster_id}" if cluster_id else "at this moment"
            raise RepeatedRunError(f"run {run_id} is started {place}: `status {run_id}` tells how it goes")
        if not self._put(run_id, None, IfMatch=held["ETag"]):
            raise changed

    def keep(self, run_id: str, cluster_id: str) -> None:
        self._put(run_id, cluster_id)

    def drop(self, run_id: str) -> None:
        self._s3.delete_object(Bucket=self._bucket, Key=_key(run_id))

    def pending(self) -> set[str]:
        """Return the runs that are claimed and have no cluster yet."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=CLAIMS)
        pending = set()
        for entry in [entry for page in pages for entry in page.get("Contents", ())]:
            held = self._get(entry["Key"]) if _is_young(entry["LastModified"]) else None
            if held and json.load(held["Body"])["cluster_id"] is None:
                pending.add(entry["Key"].removeprefix(CLAIMS).removesuffix(".json"))
        return pending

    def _get(self, key: str) -> Any:
        """Return a claim; None: it is gone."""
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            return None

    def _put(self, run_id: str, cluster_id: str | None, **condition: Any) -> bool:
        body = json.dumps({"cluster_id": cluster_id}).encode()
        try:
            self._s3.put_object(Bucket=self._bucket, Key=_key(run_id), Body=body, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] not in LOST:
                raise
            return False
        return True


def _key(run_id: str) -> str:
    return f"{CLAIMS}{run_id}.json"


def _is_young(moment: datetime) -> bool:
    return datetime.now(UTC) - moment < PENDING
