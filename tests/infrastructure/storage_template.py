"""The storage stack's template as tests ask about it: buckets by the output that names them."""

from tests.infrastructure.synthesis import Synthesis, only


def buckets(stacks: Synthesis) -> dict:
    return stacks.resources("storage", "AWS::S3::Bucket")


def published(stacks: Synthesis, output: str) -> str:
    """The logical id of the bucket that an output names."""
    logical_id: str = stacks.outputs("storage")[output]["Value"]["Ref"]
    return logical_id


def named(stacks: Synthesis, output: str) -> dict:
    """The properties of the bucket that an output names."""
    return buckets(stacks)[published(stacks, output)]["Properties"]


def rules(properties: dict) -> list[dict]:
    found = properties["LifecycleConfiguration"]["Rules"]
    assert {rule["Status"] for rule in found} == {"Enabled"}
    return found


def policies(stacks: Synthesis) -> dict[str, list[dict]]:
    """Bucket's logical id to its policy's statements."""
    return {
        body["Properties"]["Bucket"]["Ref"]: body["Properties"]["PolicyDocument"]["Statement"]
        for body in stacks.resources("storage", "AWS::S3::BucketPolicy").values()
    }


def encryption(properties: dict) -> dict:
    rule = only(properties["BucketEncryption"]["ServerSideEncryptionConfiguration"])
    return rule["ServerSideEncryptionByDefault"]
