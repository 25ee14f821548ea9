"""The cluster's logs, packed and put into S3 where EMR puts them."""

import gzip
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock, Timer
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials, InstanceMetadataProvider
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session
from botocore.utils import InstanceMetadataFetcher

from infra.contract.aws_clients import S3Client
from rehearsal.rewriting import EmulatedAws

log = logging.getLogger(__name__)
# S3 may refuse for a while; the logs are worth waiting for.
PATIENCE_SECONDS = 60.0


def s3_client(aws: EmulatedAws, cluster_id: str = "") -> Any:
    """Return boto3's client of the emulated S3, as EMR's own programs on the nodes have it."""
    session: Any = get_session()
    session.set_credentials(aws.access_key_id, aws.secret_access_key)
    if aws.metadata:
        # Not by this process's environment, in which the metadata service is switched off.
        fetcher = InstanceMetadataFetcher(
            timeout=10, num_attempts=3, base_url=f"{aws.metadata}/{cluster_id}/emr", env={}
        )
        session._credentials = DeferredRefreshableCredentials(
            fetcher.retrieve_iam_role_credentials, InstanceMetadataProvider.METHOD
        )
    return boto3.Session(botocore_session=session).client(
        "s3",
        endpoint_url=aws.endpoint,
        region_name=aws.region,
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 5},
            s3={"addressing_style": "path"},
            connect_timeout=5,
            read_timeout=30,
        ),
    )


class LogBucket:
    """Brings files of this machine to a prefix in S3, again when they have grown, `late()` seconds later."""

    def __init__(
        self, s3: S3Client, log_uri: str | None, cluster_id: str, late: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._late = late
        self._s3 = s3
        uri = urlsplit(log_uri or "")
        self._bucket = uri.netloc
        prefix = uri.path.strip("/")
        self._prefix = f"{prefix}/{cluster_id}" if prefix else cluster_id
        self._pushed: dict[Path, int] = {}
        self._lock = Lock()

    def push(self, folders: Mapping[Path, str]) -> None:
        """Put every file that is new or has grown, now or later; a folder's key is below the cluster's.

        What S3 does not take within a minute stays on this machine, is logged, and is tried again next time.
        """
        if not self._bucket:
            return
        if seconds := self._late():
            timer = Timer(seconds, self._push, [folders])
            timer.daemon = True
            timer.start()
        else:
            self._push(folders)

    def _push(self, folders: Mapping[Path, str]) -> None:
        with self._lock:
            deadline = time.monotonic() + PATIENCE_SECONDS
            for folder, key in folders.items():
                for path in sorted(file for file in folder.rglob("*") if file.is_file()):
                    content, name = path.read_bytes(), path.relative_to(folder).as_posix()
                    if self._pushed.get(path) == len(content):
                        continue
                    whole_key = "/".join(filter(None, (self._prefix, key, f"{name}.gz")))
                    if self._put(whole_key, gzip.compress(content, compresslevel=1), path, deadline):
                        self._pushed[path] = len(content)

    def _put(self, key: str, packed: bytes, path: Path, deadline: float) -> bool:
        while True:
            try:
                self._s3.put_object(Bucket=self._bucket, Key=key, Body=packed)
                return True
            except (BotoCoreError, ClientError) as error:
                answer = error.response.get("ResponseMetadata", {}) if isinstance(error, ClientError) else {}
                # 4xx, as for a bucket that is not there: the same request would be refused again.
                if answer.get("HTTPStatusCode", 500) < 500 or time.monotonic() > deadline:
                    told = "s3://%s/%s was not written (%s); it is in %s"
                    log.warning(told, self._bucket, key, error, path)
                    return False
            time.sleep(1)
