"""One page that shows what ran, what it yielded, and what each cluster is doing."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import (
    AlarmStatusWidget,
    Dashboard,
    GraphWidget,
    IAlarm,
    IMetric,
    IWidget,
    SingleValueWidget,
)
from constructs import Construct

from infra.config.deployment import DeploymentConfig
from infra.contract.names import stack_name
from infra.observability.metrics import metric_of_every_cluster, run_metric
from infra.run.functions.cost_limit.handler import COST_METRIC, PROGRESS_METRICS
from infra.run.functions.run_ended.figures import FIGURES, RUNS_COMPLETED, RUNS_FAILED

WIDTH, HALF = 24, 12
NODES = ("CoreNodesRunning", "TaskNodesRunning", "TaskUnitsRequested")
MEMORY = ("YARNMemoryAvailablePercentage", "ContainerPendingRatio")


class PipelineDashboard(Construct):
    """Alarms, what runs, the last run, runs over time, and all clusters, those of single runs too.

    Attributes:
        url: The address of the page in the console.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: DeploymentConfig,
        alarms: Sequence[IAlarm],
    ) -> None:
        super().__init__(scope, construct_id)
        name = stack_name(config.stage, "pipeline")
        region = config.region
        self.url = (
            f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#dashboards:name={name}"
        )
        Dashboard(
            self,
            "Dashboard",
            dashboard_name=name,
            default_interval=Duration.days(1),
            widgets=[
                [AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=WIDTH)],
                _progress(config.stage),
                _runs(config.stage),
                _clusters(),
            ],
        )


def _progress(stage: str) -> list[IWidget]:
    images = [run_metric(stage, name) for name in PROGRESS_METRICS]
    return [
        _graph("Running: images", images),
        _graph("Running: USD so far", [run_metric(stage, COST_METRIC)]),
    ]


def _runs(stage: str) -> list[IWidget]:
    figures = [run_metric(stage, name) for name in FIGURES]
    outcomes = [run_metric(stage, name, "Sum") for name in (RUNS_COMPLETED, RUNS_FAILED)]
    return [
        SingleValueWidget(title="Last run", metrics=figures, width=HALF, set_period_to_time_range=True),
        _graph("Runs", outcomes),
    ]


def _clusters() -> list[IWidget]:
    return [
        _graph("Nodes, of each cluster", [metric_of_every_cluster(name) for name in NODES]),
        _graph("Memory and waiting work", [metric_of_every_cluster(name) for name in MEMORY]),
    ]


def _graph(title: str, metrics: Sequence[IMetric]) -> GraphWidget:
    return GraphWidget(title=title, left=list(metrics), width=HALF)
