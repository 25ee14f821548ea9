"""Calls to the emulated AWS from within it, for the account and region of the request that is served."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from ministack.core.responses import get_account_id, get_region

from rehearsal.settings import SECRET


def client(service: str) -> Any:
    """boto3's client of a service, as the caller of the current request would have it.

    Must be called on a worker thread: the event loop has to answer it.
    """
    return _client(service, get_account_id(), get_region())


@lru_cache(maxsize=256)
def _client(service: str, account: str, region: str) -> Any:
    # The emulator takes an access key of twelve digits for the account; the endpoint is in the environment.
    make: Any = boto3.session.Session().client  # its types know only names that are written out
    return make(
        service,
        region_name=region,
        aws_access_key_id=account,
        aws_secret_access_key=SECRET,
        config=Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=16),
    )


@contextmanager
def gone_is_fine() -> Iterator[None]:
    """Deleting what is not there is done already."""
    try:
        yield
    except ClientError as error:
        if "NotFound" not in error.response["Error"]["Code"]:
            raise
