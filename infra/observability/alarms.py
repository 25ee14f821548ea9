"""Alarms on the runs and on the cluster; each tells the topic, and docs/runbook.md says what to do."""

import math

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import Alarm, ComparisonOperator, IMetric, TreatMissingData
from aws_cdk.aws_cloudwatch_actions import SnsAction
from aws_cdk.aws_lambda import IFunction
from aws_cdk.aws_sns import ITopic
from constructs import Construct

from infra.config.deployment import DeploymentConfig
from infra.observability.metrics import EMR_PERIOD, cluster_metric, memory_pressure, run_metric
from infra.run.functions.run_ended.figures import REJECTED_SHARE, RUNS_FAILED

# CloudWatch looks back one day at most at this period.
MOST_PERIODS = 288
IDLE_MARGIN_MINUTES = 15
PRESSURE_PERIODS = 6


def idle_periods(idle_timeout_minutes: int) -> int:
    """Return after how many periods an idle cluster should have ended by itself."""
    return min(
        math.ceil((idle_timeout_minutes + IDLE_MARGIN_MINUTES) / EMR_PERIOD.to_minutes()), MOST_PERIODS
    )


def alarm(
    scope: Construct,
    construct_id: str,
    topic: ITopic,
    metric: IMetric,
    description: str,
    *,
    periods: int = 1,
    above: float | None = None,
) -> Alarm:
    """Make an alarm that goes off when the metric reaches 1, or exceeds `above`, for so many periods."""
    comparison = ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
    made = Alarm(
        scope,
        construct_id,
        metric=metric,
        threshold=1 if above is None else above,
        evaluation_periods=periods,
        comparison_operator=comparison if above is None else ComparisonOperator.GREATER_THAN_THRESHOLD,
        treat_missing_data=TreatMissingData.NOT_BREACHING,
        alarm_description=f"{description}: docs/runbook.md",
    )
    made.add_alarm_action(SnsAction(topic))
    return made


def failing(
    scope: Construct, construct_id: str, topic: ITopic, function: IFunction, description: str
) -> Alarm:
    """Make an alarm on errors of a function."""
    return alarm(scope, construct_id, topic, function.metric_errors(period=Duration.minutes(1)), description)


def run_alarms(here: Construct, config: DeploymentConfig, topic: ITopic, function: IFunction) -> list[Alarm]:
    """Make the alarms on runs; they exist before the cluster, so that the first run that fails finds them."""
    share, rejected = config.rejected_share_alarm, run_metric(config.stage, REJECTED_SHARE)
    too_many = f"More than {share:.1%} of a run's images were rejected"
    in_vain = "The function that hears of a run's end failed: a deploy may wait in vain"
    return [
        alarm(here, "FailedRun", topic, run_metric(config.stage, RUNS_FAILED), "A run failed"),
        alarm(here, "RejectedImages", topic, rejected, too_many, above=share),
        failing(here, "FailingFunction", topic, function, in_vain),
    ]


def cluster_alarms(here: Construct, config: DeploymentConfig, topic: ITopic, cluster_id: str) -> list[Alarm]:
    """Make the alarms on a cluster that idles and goes on costing, and on work that waits for memory."""
    idle, periods = cluster_metric(cluster_id, "IsIdle", "Minimum"), idle_periods(config.idle_timeout_minutes)
    pressure, stays = memory_pressure(cluster_id), "The cluster idles and did not end by itself"
    waits = "Work waits for memory for half an hour, and the cluster does not grow"
    return [
        alarm(here, "IdleTooLong", topic, idle, stays, periods=periods),
        alarm(here, "MemoryPressure", topic, pressure, waits, periods=PRESSURE_PERIODS),
    ]
