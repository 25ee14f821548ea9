"""AWS::S3::Bucket: MiniStack makes it; what MiniStack leaves out is applied through the S3 API."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.services.cloudformation import provisioners

from rehearsal.emulator.api import call, client, remove, renamed
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType

# CORS, website, public access block and notifications are MiniStack's own.
MINISTACK = dict(provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"])


class Bucket(ResourceType):
    """`Ref` answers its name."""

    name = "AWS::S3::Bucket"

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        name, attributes = MINISTACK["create"](logical_id, properties, stack)
        _apply_settings(name, {}, properties)
        return name, attributes

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Put the settings that are new or changed, and take away those that are gone."""
        attributes: dict[str, Any]
        _, attributes = MINISTACK["update"](physical_id, old, new, "")
        _apply_settings(physical_id, old, new)
        return attributes

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it; one with objects in it is refused, as on AWS."""
        remove("s3", "DeleteBucket", Bucket=physical_id)


@dataclass(frozen=True)
class Setting:
    """One property of AWS::S3::Bucket that has an API of its own."""

    property: str
    put: str  # operation that applies it
    remove: str | None = None  # operation that takes it away; None: the value `off` is put instead
    off: Any = None
    translate: Callable[[Any], Any] = lambda value: value  # from the template's form to the API's


def _apply_settings(bucket: str, old: Properties, new: Properties) -> None:
    for setting in SETTINGS:
        before, after = old.get(setting.property), new.get(setting.property)
        if after == before:
            continue
        if after is None and setting.remove:
            call("s3", setting.remove, Bucket=bucket)
            continue
        value = setting.off if after is None else setting.translate(after)
        shape = client("s3").meta.service_model.operation_model(setting.put).input_shape
        call("s3", setting.put, Bucket=bucket, **{shape.serialization["payload"]: value})


def _naming(**names: str) -> Callable[[Any], Any]:
    return lambda value: renamed(value, names)


def _lifecycle_rule(rule: Properties) -> dict[str, Any]:
    """Return a rule as the API takes it; the call refuses members that it does not know."""
    translated = renamed(rule, {"Id": "ID"})
    names = {"ExpirationInDays": "Days", "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker"}
    expiration = {member: translated.pop(name) for name, member in names.items() if name in translated}
    if expiration:
        translated["Expiration"] = expiration
    translated["Filter"] = {"Prefix": translated.pop("Prefix", "")}
    return dict(translated)


_logging = _naming(DestinationBucketName="TargetBucket", LogFilePrefix="TargetPrefix")
# In the order in which they need one another: replication wants versioning.
SETTINGS = (
    Setting("VersioningConfiguration", "PutBucketVersioning", off={"Status": "Suspended"}),
    Setting("Tags", "PutBucketTagging", "DeleteBucketTagging", translate=lambda tags: {"TagSet": tags}),
    Setting(
        "BucketEncryption",
        "PutBucketEncryption",
        "DeleteBucketEncryption",
        translate=_naming(
            ServerSideEncryptionConfiguration="Rules",
            ServerSideEncryptionByDefault="ApplyServerSideEncryptionByDefault",
        ),
    ),
    Setting("OwnershipControls", "PutBucketOwnershipControls", "DeleteBucketOwnershipControls"),
    Setting(
        "LifecycleConfiguration",
        "PutBucketLifecycleConfiguration",
        "DeleteBucketLifecycle",
        translate=lambda value: {"Rules": [_lifecycle_rule(rule) for rule in value["Rules"]]},
    ),
    Setting(
        "LoggingConfiguration",
        "PutBucketLogging",
        off={},
        translate=lambda value: {"LoggingEnabled": {"TargetPrefix": "", **_logging(value)}},
    ),
    Setting(
        "ReplicationConfiguration",
        "PutBucketReplication",
        "DeleteBucketReplication",
        translate=_naming(Id="ID", TagFilter="Tag", TagFilters="Tags"),
    ),
)
