"""Answers to what the scanners find: each finding that stays carries its reason, beside its resource."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, CfnResource, Stack, Token, Validations
from aws_cdk.aws_s3 import IBucket
from constructs import IConstruct

PACKS = ("AwsSolutions", "NIST.800.53.R5")
_ACCOUNT = "<AWS::AccountId>"


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings on `construct`, the narrowest that the reasons speak of, and below.

    Args:
        reasons: Rule of cdk-nag (`AwsSolutions-S1`, `NIST.800.53.R5-SNSEncryptedKMS`) to its reason.
    """
    for rule, reason in reasons.items():
        pack = next(name for name in PACKS if rule.startswith(f"{name}-"))
        Validations.of(construct).acknowledge(Acknowledgment(id=f"{pack}::{rule}", reason=reason))


def acknowledge_wildcards(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept resources with a `*`, as `objects_of` and `in_account` write them, as `acknowledge` does."""
    account = Stack.of(construct).account
    named = _ACCOUNT if Token.is_unresolved(account) else account
    rules = {
        f"AwsSolutions-IAM5[Resource::{resource.replace(_ACCOUNT, named)}]": reason
        for resource, reason in reasons.items()
    }
    acknowledge(construct, rules)


def objects_of(bucket: IBucket, pattern: str = "*", *, within: IConstruct | None = None) -> str:
    """Return `BUCKET/pattern` as cdk-nag writes it.

    Args:
        within: A construct of the stack that names them; None: another stack than the bucket's.
    """
    owner = Stack.of(bucket)
    arn = owner.resolve(bucket.bucket_arn)
    if isinstance(arn, dict) and "Fn::GetAtt" in arn:
        if within is not None and Stack.of(within) == owner:
            return f"<{'.'.join(arn['Fn::GetAtt'])}>/{pattern}"
        # The same export that CDK makes of the reference by itself.
        return f"{owner.resolve(owner.export_value(bucket.bucket_arn))['Fn::ImportValue']}/{pattern}"
    return f"{_text(arn)}/{pattern}"


def in_account(service: str, region: str, resource: str) -> str:
    """Return `arn:aws:SERVICE:REGION:ACCOUNT:resource` as cdk-nag writes it."""
    return f"arn:aws:{service}:{region}:{_ACCOUNT}:{resource}"


def skip_checkov(construct: IConstruct, resource_type: str, reasons: Mapping[str, str]) -> None:
    """Accept these findings of Checkov (`CKV_AWS_18`) on resources of this type at `construct` and below.

    They stand in the template as the resource's metadata, where Checkov reads them.
    """
    skips = [{"id": check, "comment": reason} for check, reason in reasons.items()]
    for resource in construct.node.find_all():
        if isinstance(resource, CfnResource) and resource.cfn_resource_type == resource_type:
            resource.add_metadata("checkov", {"skip": skips})


def _text(value: object) -> str:
    """Write joined parts and references in one line: `arn:<AWS::Partition>:s3:::name`."""
    if isinstance(value, dict):
        if "Fn::Join" in value:
            return "".join(_text(part) for part in value["Fn::Join"][1])
        return f"<{value['Ref']}>"
    return str(value)
