"""A versioned bucket under lifecycle rules, with a clock that moves; as S3 documents them.

Days are counted from creation, or from the moment at which a version was overwritten or hidden, and rounded
up to the next midnight UTC. An expired object is hidden by a delete marker, some time after midnight; a
marker with nothing below it goes:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

# S3 does its work in the background, some time after the midnight.
AT_WORK = timedelta(hours=6)


@dataclass
class Version:
    """One version of an object, or a delete marker; `hidden`: since when it is not the current one."""

    created: datetime
    is_marker: bool = False
    hidden: datetime | None = None


@dataclass
class Bucket:
    """Objects by key, each its versions, the current one last; uploads that were never ended."""

    rules: list[dict[str, Any]]
    objects: dict[str, list[Version]] = field(default_factory=dict)
    uploads: dict[str, datetime] = field(default_factory=dict)

    def put(self, key: str, now: datetime, *, is_marker: bool = False) -> None:
        """Write an object, or delete it: what was there is hidden."""
        versions = self.objects.setdefault(key, [])
        if versions:
            versions[-1].hidden = now
        versions.append(Version(now, is_marker))

    def midnight(self, now: datetime) -> None:
        """Do what the rules ask for at this midnight."""
        for rule in self.rules:
            days = {name: timedelta(days=number) for name, number in _days(rule).items()}
            for key in [key for key in self.objects if key.startswith(rule.get("Prefix", ""))]:
                versions = self.objects[key]
                if (
                    "hide" in days
                    and not versions[-1].is_marker
                    and _due(versions[-1].created, days["hide"], now)
                ):
                    self.put(key, now + AT_WORK, is_marker=True)
                if "remove" in days:
                    versions[:] = [
                        one for one in versions if not one.hidden or not _due(one.hidden, days["remove"], now)
                    ]
                if (
                    rule.get("ExpiredObjectDeleteMarker")
                    and versions
                    and all(one.is_marker for one in versions)
                ):
                    del versions[:]
            if "abort" in days:
                self.uploads = {
                    key: begun for key, begun in self.uploads.items() if not _due(begun, days["abort"], now)
                }
        self.objects = {key: versions for key, versions in self.objects.items() if versions}


def _days(rule: dict[str, Any]) -> dict[str, int]:
    found = {
        "hide": rule.get("ExpirationInDays"),
        "remove": rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
        "abort": rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation"),
    }
    return {name: days for name, days in found.items() if days is not None}


def _due(since: datetime, days: timedelta, now: datetime) -> bool:
    end = since + days
    rounded = end.replace(hour=0, minute=0, second=0, microsecond=0)
    return now >= (rounded if rounded == end else rounded + timedelta(days=1))
