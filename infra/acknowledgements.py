"""Answers to what the scanners find: each finding that stays carries its reason, beside its resource."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, CfnElement, CfnResource, Stack, Validations
from constructs import IConstruct

PACKS = ("AwsSolutions", "NIST.800.53.R5")


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept these findings on `construct` and below.

    Args:
        construct: The narrowest one that the reason speaks of.
        reasons: Rule of cdk-nag (`AwsSolutions-S1`, `NIST.800.53.R5-SNSEncryptedKMS`) to its reason.

    Raises:
        ValueError: A rule of neither pack.
    """
    for rule, reason in reasons.items():
        pack = next((name for name in PACKS if rule.startswith(f"{name}-")), None)
        if pack is None:
            raise ValueError(f"rule {rule!r} is of no pack; it begins with one of {', '.join(PACKS)}")
        Validations.of(construct).acknowledge(Acknowledgment(id=f"{pack}::{rule}", reason=reason))


def skip_checkov(construct: IConstruct, resource_type: str, reasons: Mapping[str, str]) -> None:
    """Accept these findings of Checkov (`CKV_AWS_18`) on resources of this type at `construct` and below.

    They stand in the template as the resource's metadata, where Checkov reads them.
    """
    skips = [{"id": check, "comment": reason} for check, reason in reasons.items()]
    for resource in construct.node.find_all():
        if isinstance(resource, CfnResource) and resource.cfn_resource_type == resource_type:
            resource.add_metadata("checkov", {"skip": skips})


def wildcard(resource: str) -> str:
    """The rule's name for one wildcard resource, as cdk-nag writes it; each is acknowledged on its own."""
    return f"AwsSolutions-IAM5[Resource::{resource}]"


def all_objects(bucket: IConstruct, prefix: str = "") -> str:
    """The rule's name for `arn:…:bucket/prefix*`, the objects of a bucket declared in the same stack."""
    resource = bucket.node.default_child
    if not isinstance(resource, CfnElement):
        raise TypeError(f"{bucket.node.path} is not declared here: name its ARN with wildcard()")
    return wildcard(f"<{Stack.of(bucket).get_logical_id(resource)}.Arn>/{prefix}*")
