"""Objects of a bucket: thin callers of S3."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from infra.contract.aws_clients import S3Client


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
