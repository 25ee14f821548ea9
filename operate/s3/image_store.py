"""Brings a folder of an image bucket up to date with photographs of this machine."""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.contract.aws_clients import S3Client
from operate.errors import OperateError
from operate.s3.objects import StoredObject, list_objects
from operate.s3.photographs import MOST_AT_ONCE_BYTES, Photograph, digests, digests_of, parts_of
from operate.s3.transfer import side_by_side


@dataclass(frozen=True)
class Target:
    """Where photographs go."""

    s3: S3Client
    bucket: str
    prefix: str  # empty, or ends in `/`
    facts: Mapping[str, str] = field(default_factory=dict)  # metadata: who gave it, with which consent

    @property
    def uri(self) -> str:
        """The folder's `s3://BUCKET/PREFIX`, as `submit` takes it."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def key(self, photograph: Photograph) -> str:
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
    """Bring the target up to date; nothing there is deleted. Raises OperateError: a file was not uploaded."""
    stored = target.stored()
    changes = side_by_side(partial(_is_new, target, stored), photographs, at_once=at_once, label="comparing")
    wanted = [photograph for photograph, changed in changes if changed]
    if not dry_run:
        side_by_side(
            partial(_put, target), wanted, at_once=at_once, label="uploading", size=lambda one: one.size
        )
        stored = target.stored()
        for photograph in photographs:
            there = stored.get(target.key(photograph))
            if there is None or there.size != photograph.size:
                raise OperateError(f"{photograph.name} is not in {target.uri} as uploaded: upload again")
    size = sum(photograph.size for photograph in wanted)
    return UploadResult(target.uri, len(photographs), len(wanted), len(photographs) - len(wanted), size)


def _is_new(target: Target, stored: Mapping[str, StoredObject], one: Photograph) -> tuple[Photograph, bool]:
    key = target.key(one)
    there = stored.get(key)
    if there is None or there.size != one.size:
        return one, True
    mine = digests(one)
    if there.etag == mine.etag and not target.facts:
        return one, False
    # KMS makes the ETag anything but the MD5: ask for the checksum that came with the upload.
    head = target.s3.head_object(Bucket=target.bucket, Key=key, ChecksumMode="ENABLED")
    same = there.etag == mine.etag or head.get("ChecksumSHA256") == mine.checksum
    return one, not (same and target.facts.items() <= head["Metadata"].items())


def _put(target: Target, photograph: Photograph) -> None:
    """Upload a file; S3 refuses it if what arrives has another SHA-256."""
    kind = mimetypes.guess_type(photograph.name)[0] or "application/octet-stream"
    try:
        if photograph.size > MOST_AT_ONCE_BYTES:
            _put_in_parts(target, photograph, kind)
            return
        content = photograph.path.read_bytes()
        target.s3.put_object(
            Bucket=target.bucket,
            Key=target.key(photograph),
            Body=content,
            ContentType=kind,
            Metadata=target.facts,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=digests_of(content).checksum,
        )
    except (BotoCoreError, ClientError, OSError) as error:
        again = "the same command goes on where this one stopped"
        raise OperateError(f"{photograph.name} was not uploaded: {error}; {again}") from error


def _put_in_parts(target: Target, photograph: Photograph, kind: str) -> None:
    """Upload a large file, without the parts that an upload which stopped has sent."""
    s3, bucket, key = target.s3, target.bucket, target.key(photograph)
    begun = s3.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads", [])
    upload_id = next((one["UploadId"] for one in begun if one["Key"] == key), None)
    if upload_id is None:
        made = s3.create_multipart_upload(
            Bucket=bucket, Key=key, ContentType=kind, Metadata=target.facts, ChecksumAlgorithm="SHA256"
        )
        upload_id = made["UploadId"]
    pages = s3.get_paginator("list_parts").paginate(Bucket=bucket, Key=key, UploadId=upload_id)
    sent = [part for page in pages for part in page.get("Parts", [])]
    etags = {part["PartNumber"]: part["ETag"] for part in sent}
    checksums = {part["PartNumber"]: part.get("ChecksumSHA256") for part in sent}
    parts: list[Any] = []
    for number, block in enumerate(parts_of(photograph.path), 1):
        mine, etag = digests_of(block), etags.get(number, "")
        if mine.checksum != checksums.get(number) and mine.etag != etag.strip('"'):
            place: Any = {"Bucket": bucket, "Key": key, "UploadId": upload_id, "PartNumber": number}
            etag = s3.upload_part(**place, Body=block, ChecksumSHA256=mine.checksum)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag, "ChecksumSHA256": mine.checksum})
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts})
