"""Alarms on the runs and on the cluster; each tells the topic, and docs/runbook.md says what to do."""

import math

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import (
    Alarm,
    ComparisonOperator,
    IMetric,
    TreatMissingData,
)
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


class RunAlarms(Construct):
    """Alarms on the runs; they exist before the cluster, so that the first run that fails finds them."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: DeploymentConfig,
        topic: ITopic,
        function: IFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        stage = config.stage
        self.alarms = [
            _alarm(self, "FailedRun", run_metric(stage, RUNS_FAILED), 1, 1, topic, "A run failed"),
            _alarm(
                self,
                "RejectedImages",
                run_metric(stage, REJECTED_SHARE),
                config.rejected_share_alarm,
                1,
                topic,
                f"More than {config.rejected_share_alarm:.1%} of a run's images were rejected",
                ComparisonOperator.GREATER_THAN_THRESHOLD,
            ),
            _alarm(
                self,
                "FailingFunction",
                function.metric_errors(period=Duration.minutes(1)),
                1,
                1,
                topic,
                "The function that hears of a run's end failed: a deploy may wait in vain",
            ),
        ]


class ClusterAlarms(Construct):
    """Alarms on a cluster that idles and goes on costing, and on work that waits for memory."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: DeploymentConfig, topic: ITopic, cluster_id: str
    ) -> None:
        super().__init__(scope, construct_id)
        idle = cluster_metric(cluster_id, "IsIdle", "Minimum")
        periods = idle_periods(config.idle_timeout_minutes)
        self.alarms = [
            _alarm(
                self, "IdleTooLong", idle, 1, periods, topic, "The cluster idles and did not end by itself"
            ),
            _alarm(
                self,
                "MemoryPressure",
                memory_pressure(cluster_id),
                1,
                PRESSURE_PERIODS,
                topic,
                "Work waits for memory for half an hour, and the cluster does not grow",
            ),
        ]


def _alarm(
    scope: Construct,
    construct_id: str,
    metric: IMetric,
    threshold: float,
    periods: int,
    topic: ITopic,
    description: str,
    comparison: ComparisonOperator = ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
) -> Alarm:
    alarm = Alarm(
        scope,
        construct_id,
        metric=metric,
        threshold=threshold,
        evaluation_periods=periods,
        comparison_operator=comparison,
        treat_missing_data=TreatMissingData.NOT_BREACHING,
        alarm_description=f"{description}: docs/runbook.md",
    )
    alarm.add_alarm_action(SnsAction(topic))
    return alarm
