"""The metrics that alarms and dashboard show: what functions publish of runs, and EMR of the cluster."""

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import MathExpression, Metric

from infra.run.functions.run_ended.figures import NAMESPACE, STAGE_DIMENSION

EMR_NAMESPACE = "AWS/ElasticMapReduce"
EMR_PERIOD = Duration.minutes(5)  # EMR publishes every five minutes
LEAST_MEMORY_PERCENT = 10


def run_metric(stage: str, name: str, statistic: str = "Maximum") -> Metric:
    """Return the metric of a figure that a function publishes, each minute of a run or at its end."""
    return Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={STAGE_DIMENSION: stage},
        statistic=statistic,
        period=Duration.minutes(1),
    )


def cluster_metric(cluster_id: str, name: str, statistic: str = "Average") -> Metric:
    """Return the metric of a figure that EMR publishes about the cluster."""
    return Metric(
        namespace=EMR_NAMESPACE,
        metric_name=name,
        dimensions_map={"JobFlowId": cluster_id},
        statistic=statistic,
        period=EMR_PERIOD,
    )


def metric_of_every_cluster(name: str) -> MathExpression:
    """Return a figure that EMR publishes about each cluster of the account, whichever there are or were."""
    wanted = f'{{{EMR_NAMESPACE},JobFlowId}} MetricName="{name}"'
    return MathExpression(
        expression=f"SEARCH('{wanted}', 'Average', {EMR_PERIOD.to_seconds():.0f})",
        using_metrics={},
        label=f"{name} ${{PROP('Dim.JobFlowId')}}",
        period=EMR_PERIOD,
    )


def memory_pressure(cluster_id: str) -> MathExpression:
    """Return 1 where containers wait while YARN has almost no memory left, else 0, even if it is busy."""
    return MathExpression(
        expression=f"IF(available < {LEAST_MEMORY_PERCENT} AND waiting > 0, 1, 0)",
        using_metrics={
            "available": cluster_metric(cluster_id, "YARNMemoryAvailablePercentage"),
            "waiting": cluster_metric(cluster_id, "ContainerPending"),
        },
        label="Work waits for memory",
        period=EMR_PERIOD,
    )
