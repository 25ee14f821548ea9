"""What the function that hears of a run's end may do."""

from aws_cdk import Stack
from aws_cdk.aws_iam import PolicyStatement

from infra.access.buckets import Buckets
from infra.access.wildcards import in_account, objects_of
from infra.contract.names import PROJECT, PROJECT_TAG, STAGE_TAG
from infra.contract.prefixes import RUNS
from infra.run.functions.run_ended.figures import NAMESPACE


def wildcard_reasons(buckets: Buckets, region: str) -> dict[str, str]:
    """Why these are open as a whole."""
    by_tag = (
        "Ids are given at creation; the condition admits only what carries this project's and stage's tags"
    )
    return {
        objects_of(buckets.results, f"{RUNS}/*/metrics.json"): "The figures of every run of the stage",
        in_account("elasticmapreduce", region, "cluster/*"): by_tag,
        "*": "cloudwatch:PutMetricData knows no resources; the condition admits one namespace",
    }


def statements(stack: Stack, stage: str, buckets: Buckets) -> list[PolicyStatement]:
    """Read how a run ended and what it yielded; publish it."""
    tags = {
        f"elasticmapreduce:ResourceTag/{PROJECT_TAG}": PROJECT,
        f"elasticmapreduce:ResourceTag/{STAGE_TAG}": stage,
    }
    allowed = [
        PolicyStatement(
            sid="ReadFigures",
            actions=["s3:GetObject"],
            resources=[f"{buckets.results.bucket_arn}/{RUNS}/*/metrics.json"],
        ),
        PolicyStatement(
            sid="ReadSteps",
            actions=["elasticmapreduce:DescribeStep", "elasticmapreduce:ListSteps"],
            resources=[stack.format_arn(service="elasticmapreduce", resource="cluster", resource_name="*")],
            conditions={"StringEquals": tags},
        ),
        PolicyStatement(
            sid="PublishFigures",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],  # CloudWatch knows no resources here: the namespace is the scope
            conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
        ),
    ]
    if buckets.key:
        allowed.append(
            PolicyStatement(sid="DecryptFigures", actions=["kms:Decrypt"], resources=[buckets.key.key_arn])
        )
    return allowed
