"""Objects by version: photographs in sources and replicas, logs, and what was overwritten in results."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from infra.contract.aws_clients import S3Client
from operate.errors import OperateError
from operate.runs.logs import unpacked
from operate.s3.transfer import side_by_side
from spark_job.contract.erasure import CONTRIBUTOR, Wanted

MOST_DELETED = 1_000  # that S3 takes in one request
MOST_SINGLE_KEYS = 100  # with more, one listing of the bucket is less work
ADDRESS_ENDS = re.compile(r"[\s\"'<>,;:)\]]")
MOST_LETTERS = 1_100  # of an address: a key has 1,024 bytes


@dataclass(frozen=True)
class Version:
    """One version of an object, or a delete marker."""

    bucket: str
    key: str
    id: str
    modified: datetime
    size: int = 0
    is_latest: bool = True
    is_marker: bool = False

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def place(self) -> dict[str, Any]:
        """What boto3 calls it."""
        return {"Bucket": self.bucket, "Key": self.key, "VersionId": self.id}


def list_versions(s3: S3Client, bucket: str, prefix: str = "") -> Iterator[Version]:
    """Yield every version and delete marker below a prefix."""
    pages: Any = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for kind in ("Versions", "DeleteMarkers"):
            for one in page.get(kind, ()):
                named = bucket, one["Key"], one["VersionId"], one["LastModified"]
                yield Version(*named, one.get("Size", 0), one["IsLatest"], kind == "DeleteMarkers")


def find_versions(s3: S3Client, bucket: str, wanted: Wanted, of: str | None = None) -> list[Version]:
    """Return all versions of the images in a bucket, which may be a replica `of` the one that they name."""
    root = f"s3://{of or bucket}/"
    keys = [path.removeprefix(root) for path in wanted.paths if path.startswith(root)]
    prefixes = [one.removeprefix(root) for one in wanted.prefixes if one.startswith(root)]
    looks = [*prefixes, *(keys if len(keys) <= MOST_SINGLE_KEYS else [""])]
    found = side_by_side(lambda prefix: list(list_versions(s3, bucket, prefix)), looks, label="versions")
    return list({one: None for page in found for one in page if root + one.key in wanted})


def given_by(s3: S3Client, bucket: str, contributor: str) -> set[str]:
    """Return the URIs of the images of one person; each version is asked for its metadata."""
    versions = [one for one in list_versions(s3, bucket) if not one.is_marker]

    def giver(one: Version) -> tuple[str, str]:
        return one.uri, unquote(s3.head_object(**one.place)["Metadata"].get(CONTRIBUTOR, ""))

    heads = side_by_side(giver, versions, label="contributors")
    return {uri for uri, person in heads if person == contributor}


def content_digests(s3: S3Client, versions: Iterable[Version]) -> list[tuple[Version, bytes]]:
    """Return each photograph with the SHA-256 of its content: as S3 knows it of the upload, else read."""

    def digest(one: Version) -> tuple[Version, bytes]:
        known = s3.head_object(**one.place, ChecksumMode="ENABLED").get("ChecksumSHA256", "-")
        if "-" not in known:  # else there is none, or it is one of the parts' checksums
            return one, base64.b64decode(known)
        return one, hashlib.sha256(s3.get_object(**one.place)["Body"].read()).digest()

    return side_by_side(digest, [one for one in versions if not one.is_marker], label="contents")


def logs_naming(s3: S3Client, bucket: str, prefix: str, names_one: Callable[[str], bool]) -> list[Version]:
    """Return every version of the logs that `names_one` finds an image's name in; each log is read."""

    def read(one: Version) -> tuple[Version, bool]:
        text = unpacked(s3.get_object(**one.place)["Body"].read()).decode("utf-8", "replace")
        return one, names_one(text)

    logs = [one for one in list_versions(s3, bucket, f"{prefix}/") if not one.is_marker]
    return [one for one, found in side_by_side(read, logs, label="logs") if found]


def addresses_in(text: str) -> Iterator[str]:
    """Yield all that may be an address in S3; names may hold blanks, so each ends wherever it can."""
    for start in re.finditer("s3://", text):
        line = text[start.start() :].partition("\n")[0][:MOST_LETTERS]
        yield line
        yield from (line[: end.start()] for end in ADDRESS_ENDS.finditer(line, len("s3://")))


def remove_versions(s3: S3Client, versions: Sequence[Version]) -> None:
    """Remove these versions for good. Raises OperateError: S3 refuses one."""
    buckets = {one.bucket for one in versions}
    for bucket in sorted(buckets):
        here = [{"Key": one.key, "VersionId": one.id} for one in versions if one.bucket == bucket]
        for first in range(0, len(here), MOST_DELETED):
            batch: Any = {"Objects": here[first : first + MOST_DELETED], "Quiet": True}
            for error in s3.delete_objects(Bucket=bucket, Delete=batch).get("Errors", ()):
                raise OperateError(
                    f"{bucket}: a version was not removed ({error.get('Code')}: {error.get('Message')}); "
                    "give the role s3:DeleteObjectVersion, and run the same command again"
                )


def stop_uploads(s3: S3Client, bucket: str, wanted: Wanted) -> None:
    """Give up uploads of these images that are not finished: S3 keeps the parts that it has."""
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)
    for one in (upload for page in pages for upload in page.get("Uploads", ())):
        if f"s3://{bucket}/{one['Key']}" in wanted:
            s3.abort_multipart_upload(Bucket=bucket, Key=one["Key"], UploadId=one["UploadId"])


def remove_overwritten(s3: S3Client, bucket: str, prefix: str) -> None:
    """Remove what was overwritten or deleted below a prefix, so that no older version is left."""
    old = [one for one in list_versions(s3, bucket, prefix) if not one.is_latest or one.is_marker]
    remove_versions(s3, old)
