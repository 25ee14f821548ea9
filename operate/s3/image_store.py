"""Brings a folder of an image bucket up to date with photographs of this machine."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError

from operate.errors import OperateError
from operate.s3.objects import StoredObject, list_objects
from operate.s3.photographs import MOST_PUT_BYTES, Photograph, digests
from operate.s3.transfer import side_by_side

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# S3 keeps the SHA-256 of a whole object only where it comes in one request; the threads are `side_by_side`'s.
IN_ONE_PUT = TransferConfig(multipart_threshold=MOST_PUT_BYTES + 1, use_threads=False)


@dataclass(frozen=True)
class Target:
    """Where photographs go; `prefix` is empty or ends in `/`."""

    s3: S3Client
    bucket: str
    prefix: str

    @property
    def uri(self) -> str:
        """The folder's `s3://BUCKET/PREFIX`, as `submit` takes it."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def key(self, photograph: Photograph) -> str:
        """Return the name of the photograph's object."""
        return self.prefix + photograph.name

    def stored(self) -> dict[str, StoredObject]:
        """List what is there, by key."""
        return {stored.key: stored for stored in list_objects(self.s3, self.bucket, self.prefix)}


@dataclass(frozen=True)
class UploadResult:
    """What an upload did; sizes in bytes."""

    uri: str
    photographs: int
    uploaded: int
    unchanged: int
    bytes: int


def upload(
    target: Target, photographs: list[Photograph], *, at_once: int, dry_run: bool = False
) -> UploadResult:
    """Bring the target up to date with these photographs; nothing there is deleted.

    Raises:
        OperateError: a file could not be uploaded, or is not there afterwards.
    """
    stored = target.stored()
    changes = side_by_side(partial(_is_new, target, stored), photographs, at_once=at_once, label="comparing")
    wanted = [photograph for photograph, changed in changes if changed]
    if not dry_run:
        side_by_side(
            partial(_put, target), wanted, at_once=at_once, label="uploading", size=lambda one: one.size
        )
        _verify(target, photographs)
    size = sum(photograph.size for photograph in wanted)
    return UploadResult(target.uri, len(photographs), len(wanted), len(photographs) - len(wanted), size)


def _is_new(
    target: Target, stored: Mapping[str, StoredObject], photograph: Photograph
) -> tuple[Photograph, bool]:
    key = target.key(photograph)
    there = stored.get(key)
    if there is None or there.size != photograph.size:
        return photograph, True
    md5, sha256 = digests(photograph.path)
    if there.etag == md5:
        return photograph, False
    # KMS makes the ETag anything but the MD5: ask for the checksum that came with the upload.
    head = target.s3.head_object(Bucket=target.bucket, Key=key, ChecksumMode="ENABLED")
    return photograph, head.get("ChecksumSHA256") != sha256


def _put(target: Target, photograph: Photograph) -> None:
    """Upload a file; S3 refuses it if what arrives has another SHA-256."""
    path, key = photograph.path, target.key(photograph)
    try:
        _, sha256 = digests(path)
        kind = mimetypes.guess_type(photograph.name)[0] or "application/octet-stream"
        extra = {"ContentType": kind, "ChecksumAlgorithm": "SHA256", "ChecksumSHA256": sha256}
        target.s3.upload_file(str(path), target.bucket, key, ExtraArgs=extra, Config=IN_ONE_PUT)
    except (BotoCoreError, S3UploadFailedError, OSError) as error:
        again = "the same command goes on where this one stopped"
        raise OperateError(f"{photograph.name} was not uploaded: {error}; {again}") from error


def _verify(target: Target, photographs: Iterable[Photograph]) -> None:
    stored = target.stored()
    for photograph in photographs:
        there = stored.get(target.key(photograph))
        if there is None or there.size != photograph.size:
            raise OperateError(f"{photograph.name} is not in {target.uri} as uploaded: upload again")
