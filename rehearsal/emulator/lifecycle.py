"""S3's lifecycle rules, carried out when somebody moves the rehearsal's clock, as S3 documents them.

Days are counted from creation, or from the moment at which a version was overwritten or hidden, and rounded
up to the next midnight UTC. An expired object is hidden by a delete marker, some time after midnight; a
marker with nothing below it goes:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html

Versioned buckets alone are looked at. Of a rule's filter the prefix counts, and no rule moves an object to
another storage class: nothing here deploys more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple, Self

from botocore.exceptions import ClientError

from infra.contract.aws_clients import S3Client
from rehearsal.emulator.api import client

DAY = timedelta(days=1)
# S3 does its work in the background, some time after the midnight.
AT_WORK = timedelta(hours=6)


class Rule(NamedTuple):
    """What one rule does with the objects below a prefix; None: nothing."""

    prefix: str = ""
    hide: timedelta | None = None  # the age at which an object is hidden by a delete marker
    remove: timedelta | None = None  # how long after it was overwritten or hidden a version goes
    give_up: timedelta | None = None  # the age at which an unfinished upload goes
    removes_markers: bool = False  # whether a marker goes when nothing is below it

    @classmethod
    def of(cls, rule: Mapping[str, Any]) -> Self:
        """Return the rule as GetBucketLifecycleConfiguration answers it."""

        def days(group: str, name: str) -> timedelta | None:
            number = rule.get(group, {}).get(name)
            return None if number is None else timedelta(days=number)

        return cls(
            rule.get("Filter", {}).get("Prefix") or rule.get("Prefix") or "",
            days("Expiration", "Days"),
            days("NoncurrentVersionExpiration", "NoncurrentDays"),
            days("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
            bool(rule.get("Expiration", {}).get("ExpiredObjectDeleteMarker")),
        )


@dataclass
class Version:
    """One version of an object, or a delete marker."""

    created: datetime
    is_marker: bool = False
    hidden: datetime | None = None  # since when it is not the current one
    id: str = ""  # of S3; empty for a marker that a rule makes


@dataclass
class VersionedBucket:
    """A bucket under rules."""

    rules: Sequence[Rule]
    # By key, each its versions, the current one last.
    objects: dict[str, list[Version]] = field(default_factory=dict)
    uploads: dict[str, datetime] = field(default_factory=dict)  # those that were never ended, by their ids

    def put(self, key: str, now: datetime, *, is_marker: bool = False) -> None:
        """Write an object, or delete it: what was there is hidden."""
        versions = self.objects.setdefault(key, [])
        if versions:
            versions[-1].hidden = now
        versions.append(Version(now, is_marker))

    def midnight(self, now: datetime) -> None:
        """Do what has become due; as this is asked at midnights alone, all is rounded up to the next."""
        for rule in self.rules:
            for key in [key for key in self.objects if key.startswith(rule.prefix)]:
                current = self.objects[key][-1]
                if rule.hide is not None and not current.is_marker and current.created + rule.hide <= now:
                    self.put(key, now + AT_WORK, is_marker=True)
                if rule.remove is not None:
                    self.objects[key] = [
                        one for one in self.objects[key] if not one.hidden or one.hidden + rule.remove > now
                    ]
                if rule.removes_markers and all(one.is_marker for one in self.objects[key]):
                    del self.objects[key]
            if rule.give_up is not None:
                begun_after = now - rule.give_up
                self.uploads = {one: begun for one, begun in self.uploads.items() if begun > begun_after}


class Lifecycle:
    """Does what the rules of all buckets ask for, as the server itself, which may do everything."""

    def __init__(self) -> None:
        # By bucket, key and id of a version or upload: when it was made. What is new since the clock was
        # moved last was made on that clock.
        self._created: dict[tuple[str, str, str], datetime] = {}

    def move(self, before: float, after: float) -> None:
        """Let the midnights pass between two positions of the clock, in days ahead of this machine's."""
        s3: S3Client = client("s3")
        begin, end = (datetime.now(UTC) + ahead * DAY for ahead in (before, after))
        first = begin.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
        midnights = [first + number * DAY for number in range((end - first) // DAY + 1)]
        for bucket in (one["Name"] for one in s3.list_buckets()["Buckets"]):
            if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
                continue
            try:
                found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
            except ClientError:  # it has no rules
                continue
            rules = [Rule.of(rule) for rule in found if rule["Status"] == "Enabled"]
            self._pass(s3, bucket, rules, before * DAY, midnights)

    def _pass(
        self, s3: S3Client, bucket: str, rules: list[Rule], ahead: timedelta, midnights: list[datetime]
    ) -> None:
        uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        keys = {upload["UploadId"]: upload["Key"] for upload in uploads}
        begun = {
            upload["UploadId"]: self._created.setdefault(
                (bucket, upload["Key"], upload["UploadId"]), upload["Initiated"] + ahead
            )
            for upload in uploads
        }
        objects = self._objects(s3, bucket, ahead)
        life = VersionedBucket(rules, {key: list(found) for key, found in objects.items()}, begun)
        for now in midnights:
            life.midnight(now)
        for key, versions in objects.items():
            left = life.objects.get(key, [])
            if left and not left[-1].id:
                made = s3.delete_object(Bucket=bucket, Key=key)
                self._created[bucket, key, made["VersionId"]] = left[-1].created
            for version in versions:
                if version not in left:
                    s3.delete_object(Bucket=bucket, Key=key, VersionId=version.id)
        for upload_id in begun.keys() - life.uploads.keys():
            s3.abort_multipart_upload(Bucket=bucket, Key=keys[upload_id], UploadId=upload_id)

    def _objects(self, s3: S3Client, bucket: str, ahead: timedelta) -> dict[str, list[Version]]:
        """Return the versions of each key, the current one last; each is hidden since the next was made."""
        found: dict[str, list[tuple[bool, datetime, Version]]] = {}
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            markers = page.get("DeleteMarkers", [])
            for one in [*page.get("Versions", []), *markers]:
                place = bucket, one["Key"], one["VersionId"]
                created = self._created.setdefault(place, one["LastModified"] + ahead)
                version = Version(created, one in markers, id=one["VersionId"])
                found.setdefault(one["Key"], []).append((one["IsLatest"], created, version))
        objects = {}
        for key, listed in found.items():
            objects[key] = [version for *_, version in sorted(listed, key=lambda one: one[:2])]
            for version, following in pairwise(objects[key]):
                version.hidden = following.created
        return objects
