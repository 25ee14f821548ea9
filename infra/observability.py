"""What a person sees of the pipeline: metrics of runs and cluster, alarms, and one page that shows them."""

import math
from collections.abc import Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.aws_cloudwatch_actions import SnsAction
from aws_cdk.aws_lambda import IFunction
from aws_cdk.aws_sns import ITopic
from constructs import Construct

from infra.config.deployment import DeploymentConfig
from infra.contract.names import stack_name
from infra.run.functions.cost_limit.handler import COST_METRIC, PROGRESS_METRICS
from infra.run.functions.run_ended import handler as run_ended

# CloudWatch looks back one day at most at this period.
MOST_PERIODS = 288
IDLE_MARGIN_MINUTES = 15
PRESSURE_PERIODS = 6
WIDTH, HALF, HEIGHT = 24, 12, 6
NODES = ("CoreNodesRunning", "TaskNodesRunning", "TaskUnitsRequested")
MEMORY = ("YARNMemoryAvailablePercentage", "ContainerPendingRatio")

EMR_NAMESPACE = "AWS/ElasticMapReduce"
EMR_PERIOD = Duration.minutes(5)  # EMR publishes every five minutes
LEAST_MEMORY_PERCENT = 10


def run_metric(stage: str, name: str, statistic: str = "Maximum") -> cloudwatch.Metric:
    """Return the metric of a figure that a function publishes, each minute of a run or at its end."""
    return cloudwatch.Metric(
        namespace=run_ended.NAMESPACE,
        metric_name=name,
        dimensions_map={run_ended.STAGE_DIMENSION: stage},
        statistic=statistic,
        period=Duration.minutes(1),
    )


def cluster_metric(cluster_id: str, name: str, statistic: str = "Average") -> cloudwatch.Metric:
    """Return the metric of a figure that EMR publishes about the cluster."""
    return cloudwatch.Metric(
        namespace=EMR_NAMESPACE,
        metric_name=name,
        dimensions_map={"JobFlowId": cluster_id},
        statistic=statistic,
        period=EMR_PERIOD,
    )


def metric_of_every_cluster(name: str) -> cloudwatch.MathExpression:
    """Return a figure that EMR publishes about each cluster of the account, whichever there are or were."""
    wanted = f'{{{EMR_NAMESPACE},JobFlowId}} MetricName="{name}"'
    return cloudwatch.MathExpression(
        expression=f"SEARCH('{wanted}', 'Average', {EMR_PERIOD.to_seconds():.0f})",
        using_metrics={},
        label=f"{name} ${{PROP('Dim.JobFlowId')}}",
        period=EMR_PERIOD,
    )


def idle_periods(timeout_minutes: int) -> int:
    """Return after how many periods an idle cluster should have ended by itself."""
    return min(math.ceil((timeout_minutes + IDLE_MARGIN_MINUTES) / EMR_PERIOD.to_minutes()), MOST_PERIODS)


def alarm(
    scope: Construct,
    construct_id: str,
    topic: ITopic,
    metric: cloudwatch.IMetric,
    description: str,
    *,
    periods: int = 1,
    above: float | None = None,
) -> cloudwatch.Alarm:
    """Make an alarm that goes off when the metric reaches 1, or exceeds `above`, for so many periods."""
    operator = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
    if above is None:
        operator = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
    made = cloudwatch.Alarm(
        scope,
        construct_id,
        metric=metric,
        threshold=1 if above is None else above,
        evaluation_periods=periods,
        comparison_operator=operator,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        alarm_description=f"{description}: docs/runbook.md",
    )
    made.add_alarm_action(SnsAction(topic))
    return made


def alarm_on_errors(
    scope: Construct, construct_id: str, topic: ITopic, function: IFunction, description: str
) -> cloudwatch.Alarm:
    """Make an alarm on errors of a function."""
    return alarm(scope, construct_id, topic, function.metric_errors(period=Duration.minutes(1)), description)


def run_alarms(
    here: Construct, config: DeploymentConfig, topic: ITopic, function: IFunction
) -> list[cloudwatch.Alarm]:
    """Make the alarms on runs; they exist before the cluster, so that the first run that fails finds them."""
    share, rejected = config.rejected_share_alarm, run_metric(config.stage, run_ended.REJECTED_SHARE)
    too_many = f"More than {share:.1%} of a run's images were rejected"
    in_vain = "The function that hears of a run's end failed: a deploy may wait in vain"
    return [
        alarm(here, "FailedRun", topic, run_metric(config.stage, run_ended.RUNS_FAILED), "A run failed"),
        alarm(here, "RejectedImages", topic, rejected, too_many, above=share),
        alarm_on_errors(here, "FailingFunction", topic, function, in_vain),
    ]


def cluster_alarms(
    here: Construct, config: DeploymentConfig, topic: ITopic, cluster_id: str
) -> list[cloudwatch.Alarm]:
    """Make the alarms on a cluster that idles and goes on costing, and on work that waits for memory."""
    idle, periods = cluster_metric(cluster_id, "IsIdle", "Minimum"), idle_periods(config.idle_timeout_minutes)
    stays = "The cluster idles and did not end by itself"
    waits = "Work waits for memory for half an hour, and the cluster does not grow"
    # 1 where containers wait while YARN has almost no memory left, else 0, even if the cluster is busy.
    pressure = cloudwatch.MathExpression(
        expression=f"IF(available < {LEAST_MEMORY_PERCENT} AND waiting > 0, 1, 0)",
        using_metrics={
            "available": cluster_metric(cluster_id, "YARNMemoryAvailablePercentage"),
            "waiting": cluster_metric(cluster_id, "ContainerPending"),
        },
        label="Work waits for memory",
        period=EMR_PERIOD,
    )
    return [
        alarm(here, "IdleTooLong", topic, idle, stays, periods=periods),
        alarm(here, "MemoryPressure", topic, pressure, waits, periods=PRESSURE_PERIODS),
    ]


def pipeline_dashboard(here: Construct, config: DeploymentConfig, alarms: Sequence[cloudwatch.IAlarm]) -> str:
    """Make the page, and return its address in the console.

    It shows alarms, what runs, the latest figures, runs over time, and all clusters of the account: no
    stack knows the ids of those that are started for a run.
    """
    stage, region, name = config.stage, config.region, stack_name(config.stage, "pipeline")
    *progress, rejected = (run_metric(stage, metric) for metric in PROGRESS_METRICS)
    figures = [run_metric(stage, metric) for metric in run_ended.FIGURES]
    outcomes = [run_metric(stage, name, "Sum") for name in (run_ended.RUNS_COMPLETED, run_ended.RUNS_FAILED)]
    nodes = [metric_of_every_cluster(metric) for metric in NODES]
    memory, waiting = map(metric_of_every_cluster, MEMORY)
    size: Any = {"width": HALF, "height": HEIGHT}

    def graph(title: str, left: Sequence[Any], right: Sequence[Any] = ()) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(title=title, left=list(left), right=list(right), **size)

    latest = "Latest figures of runs, in the time shown"
    free = "Free memory in %, and at the right waiting work, of each cluster"
    widgets: list[Any] = [
        [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=WIDTH)],
        [
            graph("Running: images, and at the right those rejected", progress, [rejected]),
            graph("Running: USD so far", [run_metric(stage, COST_METRIC)]),
        ],
        [cloudwatch.SingleValueWidget(title=latest, metrics=figures, **size), graph("Runs", outcomes)],
        [graph("Nodes, of each cluster of the account", nodes), graph(free, [memory], [waiting])],
    ]
    cloudwatch.Dashboard(
        here, "Dashboard", dashboard_name=name, default_interval=Duration.days(1), widgets=widgets
    )
    return f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#dashboards:name={name}"
