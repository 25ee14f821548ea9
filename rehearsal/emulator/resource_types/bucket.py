"""AWS::S3::Bucket: MiniStack makes it; what MiniStack leaves out is applied through the S3 API."""

from typing import Any

from ministack.services.cloudformation import provisioners

from rehearsal.emulator.api import client, gone_is_fine
from rehearsal.emulator.resource_types.bucket_settings import SETTINGS
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType

# CORS, website, public access block and notifications are MiniStack's own.
MINISTACK = dict(provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"])


class Bucket(ResourceType):
    """`Ref` answers its name."""

    name = "AWS::S3::Bucket"
    create_only = ("BucketName", "BucketNamePrefix", "BucketNamespace")

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Make it with all its settings."""
        name, attributes = MINISTACK["create"](logical_id, properties, stack)
        _apply(name, {}, properties)
        return name, attributes

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Settings that are new or changed are put, those that are gone are taken away."""
        _, attributes = MINISTACK["update"](physical_id, old, new, "")
        _apply(physical_id, old, new)
        found: dict[str, Any] = attributes
        return found

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it; one with objects in it is refused, as on AWS."""
        with gone_is_fine():
            client("s3").delete_bucket(Bucket=physical_id)


def _apply(bucket: str, old: Properties, new: Properties) -> None:
    s3 = client("s3")
    for setting in SETTINGS:
        before, after = old.get(setting.property), new.get(setting.property)
        if after is not None and after != before:
            setting.put(s3, bucket, after)
        elif after is None and before is not None:
            setting.remove(s3, bucket)
