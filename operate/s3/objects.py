"""Objects of a bucket: lists and reads them, and brings a folder of this machine up to date with them."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError

from infra.contract.aws_clients import S3Client
from operate.errors import OperateError
from operate.s3.transfer import side_by_side

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class StoredObject:
    """One object as a listing tells of it; `etag` is the MD5 unless KMS encrypts it or it came in parts."""

    key: str
    size: int
    etag: str
    modified: datetime


def list_objects(s3: S3Client, bucket: str, prefix: str) -> Iterator[StoredObject]:
    """Yield every object below a prefix, in the order of the keys."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            yield StoredObject(item["Key"], item["Size"], item["ETag"].strip('"'), item["LastModified"])


def list_folders(s3: S3Client, bucket: str, prefix: str) -> list[str]:
    """Return the names of the folders directly below a prefix that ends in `/`."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    folders = [folder["Prefix"] for page in pages for folder in page.get("CommonPrefixes", [])]
    return [key.removeprefix(prefix).rstrip("/") for key in folders]


def read_json(s3: S3Client, bucket: str, key: str) -> dict[str, Any] | None:
    """Return a JSON object, or None where there is none."""
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        # Who may list only below a prefix is told AccessDenied of what is not there.
        listed = code == "AccessDenied" and any(one.key == key for one in list_objects(s3, bucket, key))
        if code not in ("NoSuchKey", "AccessDenied") or listed:
            raise
        return None
    value: dict[str, Any] = json.loads(body)
    return value


@dataclass(frozen=True)
class FolderCopy:
    """A folder of S3 and the one to fetch it to: an object's key without `prefix` is its path in `folder`."""

    s3: S3Client
    bucket: str
    prefix: str
    folder: Path

    def path(self, stored: StoredObject) -> Path:
        """Return the file for an object. Raises OperateError: its key leads out of the folder."""
        name = stored.key.removeprefix(self.prefix)
        if any(part in ("", ".", "..") for part in name.split("/")):
            raise OperateError(f"s3://{self.bucket}/{stored.key} would be written outside of {self.folder}")
        return self.folder / name


def download(copy: FolderCopy, objects: Sequence[StoredObject], *, at_once: int) -> list[StoredObject]:
    """Fetch what is not there yet, each file whole or not at all, and return it. Raises OperateError."""

    def is_there(stored: StoredObject) -> bool:
        path, modified = copy.path(stored), int(stored.modified.timestamp())  # `_get` gives a file this time
        return path.is_file() and (path.stat().st_size, int(path.stat().st_mtime)) == (stored.size, modified)

    wanted = [stored for stored in objects if not stored.key.endswith("/") and not is_there(stored)]
    side_by_side(partial(_get, copy), wanted, at_once=at_once, label="fetching")
    return wanted


def _get(copy: FolderCopy, stored: StoredObject) -> None:
    """Fetch one object by hand: boto3's own download takes no IfMatch (docs/decisions/0013-transfers.md)."""
    path = copy.path(stored)
    unfinished = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # IfMatch: what was listed, or an error; never a newer object under the old one's size.
        answer = copy.s3.get_object(Bucket=copy.bucket, Key=stored.key, IfMatch=stored.etag)
        with unfinished.open("wb") as file:
            for block in answer["Body"].iter_chunks(BLOCK_BYTES):
                file.write(block)
        seconds = stored.modified.timestamp()
        os.utime(unfinished, (seconds, seconds))
        unfinished.replace(path)
    except (BotoCoreError, ClientError, IncompleteReadError, OSError) as error:
        unfinished.unlink(missing_ok=True)
        again = "the same command goes on where this one stopped"
        raise OperateError(f"{stored.key} was not fetched: {error}; {again}") from error
