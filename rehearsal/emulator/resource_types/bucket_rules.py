"""Rules of a bucket's lifecycle and replication, from a template's form to the API's."""

from collections.abc import Mapping
from typing import Any

EXPIRATIONS = {
    "ExpirationInDays": "Days",
    "ExpirationDate": "Date",
    "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
}
SIZES = ("ObjectSizeGreaterThan", "ObjectSizeLessThan")
KEPT = ("Status", "Transitions", "NoncurrentVersionTransitions", "AbortIncompleteMultipartUpload")


def renamed(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The same mapping with other names."""
    return {names.get(name, name): part for name, part in value.items()}


def lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """AWS::S3::Bucket's Rule as PutBucketLifecycleConfiguration's.

    Raises:
        ValueError: it has a property that is not translated.
    """
    left = dict(rule)
    made: dict[str, Any] = {name: left.pop(name) for name in KEPT if name in left}
    if "Id" in left:
        made["ID"] = left.pop("Id")
    if expiration := {EXPIRATIONS[name]: left.pop(name) for name in EXPIRATIONS if name in left}:
        made["Expiration"] = expiration
    if "NoncurrentVersionExpirationInDays" in left:
        made["NoncurrentVersionExpiration"] = {
            "NoncurrentDays": left.pop("NoncurrentVersionExpirationInDays")
        }
    if "NoncurrentVersionExpiration" in left:
        made["NoncurrentVersionExpiration"] = left.pop("NoncurrentVersionExpiration")
    made["Filter"] = _lifecycle_filter(left)
    if left:
        raise ValueError(f"a lifecycle rule has {', '.join(left)}: the rehearsal does not translate it")
    return made


def _lifecycle_filter(left: dict[str, Any]) -> dict[str, Any]:
    """What the rule applies to, taken out of what is left of it: one condition, or all of several."""
    conditions: dict[str, Any] = {name: left.pop(name) for name in ("Prefix", *SIZES) if name in left}
    tags = left.pop("TagFilters", [])
    if len(conditions) + len(tags) > 1:
        return {"And": {**conditions, **({"Tags": tags} if tags else {})}}
    if tags:
        return {"Tag": tags[0]}
    return conditions or {"Prefix": ""}


def replication_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """AWS::S3::Bucket's ReplicationRule as PutBucketReplication's."""
    made = renamed(rule, {"Id": "ID"})
    if "Filter" in made:
        names = {"TagFilter": "Tag", "TagFilters": "Tags"}
        found = renamed(made["Filter"], names)
        if "And" in found:
            found["And"] = renamed(found["And"], names)
        made["Filter"] = found
    return made
