"""Answers to cdk-nag for resources that end in `*`, each named as the rule names it, with a reason."""

from collections.abc import Mapping

from aws_cdk import Stack, Token
from aws_cdk.aws_s3 import IBucket
from constructs import IConstruct

from infra.acknowledgements import acknowledge, wildcard


def objects_of(bucket: IBucket, pattern: str = "*") -> str:
    """`BUCKET/pattern` as cdk-nag writes it where the bucket is another stack's, or existed before."""
    if not Token.is_unresolved(bucket.bucket_arn):
        return f"{bucket.bucket_arn}/{pattern}"
    owner = Stack.of(bucket)
    arn = owner.resolve(bucket.bucket_arn)
    if not isinstance(arn, dict) or "Fn::GetAtt" not in arn:
        return f"{_text(arn)}/{pattern}"
    # The same export that CDK makes of the reference by itself.
    return f"{owner.resolve(owner.export_value(bucket.bucket_arn))['Fn::ImportValue']}/{pattern}"


def in_account(service: str, region: str, resource: str) -> str:
    """`arn:aws:SERVICE:REGION:ACCOUNT:resource` as cdk-nag writes it."""
    return f"arn:aws:{service}:{region}:<AWS::AccountId>:{resource}"


def acknowledge_wildcards(role: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept these resources in the role's policies; a configured account stands in its name's place."""
    account = Stack.of(role).account
    named = account if not Token.is_unresolved(account) else "<AWS::AccountId>"
    acknowledge(
        role,
        {
            wildcard(resource.replace("<AWS::AccountId>", named)): reason
            for resource, reason in reasons.items()
        },
    )


def _text(value: object) -> str:
    """Joined parts and references in one line: `arn:<AWS::Partition>:s3:::name`."""
    if isinstance(value, dict):
        if "Fn::Join" in value:
            return "".join(_text(part) for part in value["Fn::Join"][1])
        return f"<{value['Ref']}>"
    return str(value)
