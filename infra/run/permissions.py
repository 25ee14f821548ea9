"""What the function that hears of a run's end may do."""

from aws_cdk import Stack
from aws_cdk.aws_iam import PolicyStatement

from infra.access.buckets import Buckets
from infra.access.statements import BY_TAG_REASON, Grant, tag_conditions, use_key
from infra.acknowledgements import in_account, objects_of
from infra.contract.prefixes import RUNS
from infra.run.functions.run_ended.figures import NAMESPACE


def run_end_grants(stack: Stack, stage: str, buckets: Buckets) -> list[Grant]:
    """Let the function read how a run ended and what it yielded, and publish it."""
    clusters = stack.format_arn(service="elasticmapreduce", resource="cluster", resource_name="*")
    figures = f"{RUNS}/*/metrics.json"
    return [
        Grant(
            PolicyStatement(
                sid="ReadFigures",
                actions=["s3:GetObject"],
                resources=[f"{buckets.results.bucket_arn}/{figures}"],
            ),
            {
                objects_of(
                    buckets.results, figures
                ): "The function reads the figures of every run of the stage"
            },
        ),
        Grant(
            PolicyStatement(
                sid="ReadSteps",
                actions=["elasticmapreduce:DescribeStep", "elasticmapreduce:ListSteps"],
                resources=[clusters],
                conditions={"StringEquals": tag_conditions("elasticmapreduce:ResourceTag", stage)},
            ),
            {in_account("elasticmapreduce", stack.region, "cluster/*"): BY_TAG_REASON},
        ),
        Grant(
            PolicyStatement(
                sid="PublishFigures",
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
            ),
            {"*": "cloudwatch:PutMetricData knows no resources; the condition admits one namespace"},
        ),
        *use_key("DecryptFigures", buckets.key, ["kms:Decrypt"]),
    ]
