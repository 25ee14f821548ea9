"""What the function that hears of a run's end may do."""

from aws_cdk import Stack
from aws_cdk.aws_iam import PolicyStatement

from infra.access.buckets import Buckets
from infra.access.statements import Grant, clusters_of_stage, use_key
from infra.acknowledgements import objects_of
from infra.contract.prefixes import RUNS
from infra.run.functions.run_ended.figures import NAMESPACE
from spark_job.contract.run_layout import COST, METRICS


def run_end_grants(stack: Stack, stage: str, buckets: Buckets) -> list[Grant]:
    """Let the function read how a run ended and what it yielded, and publish it."""
    files = [f"{RUNS}/*/{name}" for name in (METRICS, COST)]
    return [
        Grant(
            PolicyStatement(
                sid="ReadFigures",
                actions=["s3:GetObject"],
                resources=[f"{buckets.results.bucket_arn}/{file}" for file in files],
            ),
            {
                objects_of(buckets.results, file): "The function reads the figures of every run of the stage"
                for file in files
            },
        ),
        clusters_of_stage(
            "ReadSteps", stack, stage, ["elasticmapreduce:DescribeStep", "elasticmapreduce:ListSteps"]
        ),
        publish_figures(),
        *use_key("DecryptFigures", buckets.key, ["kms:Decrypt"]),
    ]


def publish_figures() -> Grant:
    """Let a function publish the figures of runs, and nothing else."""
    return Grant(
        PolicyStatement(
            sid="PublishFigures",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
        ),
        {"*": "cloudwatch:PutMetricData knows no resources; the condition admits one namespace"},
    )
