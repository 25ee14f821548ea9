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


class AlarmGroup(Construct):
    """Alarms that tell one topic.

    Attributes:
        alarms: In the order in which they were added.
    """

    def __init__(self, scope: Construct, construct_id: str, topic: ITopic) -> None:
        super().__init__(scope, construct_id)
        self._topic = topic
        self.alarms: list[Alarm] = []

    def add(
        self,
        construct_id: str,
        metric: IMetric,
        description: str,
        *,
        periods: int = 1,
        above: float | None = None,
    ) -> None:
        """Add an alarm that goes off when the metric reaches 1, or exceeds `above`, for so many periods."""
        alarm = Alarm(
            self,
            construct_id,
            metric=metric,
            threshold=1 if above is None else above,
            evaluation_periods=periods,
            comparison_operator=(
                ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
                if above is None
                else ComparisonOperator.GREATER_THAN_THRESHOLD
            ),
            treat_missing_data=TreatMissingData.NOT_BREACHING,
            alarm_description=f"{description}: docs/runbook.md",
        )
        alarm.add_alarm_action(SnsAction(self._topic))
        self.alarms.append(alarm)


class RunAlarms(AlarmGroup):
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
        super().__init__(scope, construct_id, topic)
        share = config.rejected_share_alarm
        self.add("FailedRun", run_metric(config.stage, RUNS_FAILED), "A run failed")
        self.add(
            "RejectedImages",
            run_metric(config.stage, REJECTED_SHARE),
            f"More than {share:.1%} of a run's images were rejected",
            above=share,
        )
        self.add(
            "FailingFunction",
            function.metric_errors(period=Duration.minutes(1)),
            "The function that hears of a run's end failed: a deploy may wait in vain",
        )


class ClusterAlarms(AlarmGroup):
    """Alarms on a cluster that idles and goes on costing, and on work that waits for memory."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: DeploymentConfig, topic: ITopic, cluster_id: str
    ) -> None:
        super().__init__(scope, construct_id, topic)
        self.add(
            "IdleTooLong",
            cluster_metric(cluster_id, "IsIdle", "Minimum"),
            "The cluster idles and did not end by itself",
            periods=idle_periods(config.idle_timeout_minutes),
        )
        self.add(
            "MemoryPressure",
            memory_pressure(cluster_id),
            "Work waits for memory for half an hour, and the cluster does not grow",
            periods=PRESSURE_PERIODS,
        )
