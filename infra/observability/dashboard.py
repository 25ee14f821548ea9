"""One page that shows what ran, what it yielded, and what each cluster is doing."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.config.deployment import DeploymentConfig
from infra.contract.names import stack_name
from infra.observability.metrics import metric_of_every_cluster, run_metric
from infra.run.functions.cost_limit.handler import COST_METRIC, PROGRESS_METRICS
from infra.run.functions.run_ended.figures import FIGURES, RUNS_COMPLETED, RUNS_FAILED

WIDTH, HALF = 24, 12
NODES = ("CoreNodesRunning", "TaskNodesRunning", "TaskUnitsRequested")
MEMORY = ("YARNMemoryAvailablePercentage", "ContainerPendingRatio")


def pipeline_dashboard(here: Construct, config: DeploymentConfig, alarms: Sequence[cloudwatch.IAlarm]) -> str:
    """Make the page, and return its address in the console.

    It shows alarms, what runs, the last run, runs over time, and all clusters, those of single runs too.
    """
    stage, region, name = config.stage, config.region, stack_name(config.stage, "pipeline")
    progress = [run_metric(stage, metric) for metric in PROGRESS_METRICS]
    figures = [run_metric(stage, metric) for metric in FIGURES]
    outcomes = [run_metric(stage, metric, "Sum") for metric in (RUNS_COMPLETED, RUNS_FAILED)]
    nodes = [metric_of_every_cluster(metric) for metric in NODES]
    memory = [metric_of_every_cluster(metric) for metric in MEMORY]
    last_run = cloudwatch.SingleValueWidget(
        title="Last run", metrics=figures, width=HALF, set_period_to_time_range=True
    )
    cloudwatch.Dashboard(
        here,
        "Dashboard",
        dashboard_name=name,
        default_interval=Duration.days(1),
        widgets=[
            [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=WIDTH)],
            [
                _graph("Running: images", progress),
                _graph("Running: USD so far", [run_metric(stage, COST_METRIC)]),
            ],
            [last_run, _graph("Runs", outcomes)],
            [_graph("Nodes, of each cluster", nodes), _graph("Memory and waiting work", memory)],
        ],
    )
    return f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#dashboards:name={name}"


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=HALF)
