"""What a person is shown and told: alarms on what costs or fails, one page, figures of each run."""

import json

from infra.observability import idle_periods
from infra.run.functions.cost_limit.handler import COST_METRIC, PROGRESS_METRICS
from infra.run.functions.run_ended.handler import FIGURES, RUNS_FAILED, figure_data, outcome_data
from tests.infrastructure.pipeline_template import of_type
from tests.infrastructure.synthesis import only, synthesise


def alarms(stacks) -> dict[str, dict]:
    """The alarms by what they say of themselves."""
    return {one["AlarmDescription"]: one for one in of_type(stacks, "AWS::CloudWatch::Alarm")}


def alarm(stacks, words: str) -> dict:
    found: dict = only(one for said, one in alarms(stacks).items() if words in said)
    return found


def test_every_alarm_tells_the_topic_and_names_the_runbook(stage) -> None:
    """Six of them; what to do is one document away."""
    assert len(alarms(stage)) == 6
    for said, one in alarms(stage).items():
        (action,) = one["AlarmActions"]
        assert "Fn::ImportValue" in action, said
        assert said.endswith("docs/runbook.md")
        assert one["TreatMissingData"] == "notBreaching"


def test_a_failed_run_alarms_at_once() -> None:
    """At the first failure within a minute, by a metric that the function really publishes."""
    one = alarm(synthesise(stage="dev"), "A run failed")
    assert (one["MetricName"], one["Threshold"], one["EvaluationPeriods"]) == (RUNS_FAILED, 1, 1)
    published = {datum["MetricName"]: datum for datum in outcome_data("dev", succeeded=False)}
    datum = published[one["MetricName"]]
    assert datum["Value"] >= one["Threshold"]
    assert one["Dimensions"] == datum["Dimensions"]


def test_the_failure_alarm_outlives_the_cluster_of_a_failed_deploy(stage) -> None:
    """The cluster depends on it, so a rollback deletes it last, and the message goes out."""
    (cluster,) = stage.resources("pipeline", "AWS::EMR::Cluster").values()
    ids = stage.resources("pipeline", "AWS::CloudWatch::Alarm")
    (failed,) = (name for name, one in ids.items() if "A run failed" in one["Properties"]["AlarmDescription"])
    assert failed in cluster["DependsOn"]


def test_more_rejected_images_than_configured_alarm() -> None:
    """The share that the function publishes, above the configured one."""
    one = alarm(synthesise(stage="dev", rejected_share_alarm=0.2), "rejected")
    assert (one["Threshold"], one["ComparisonOperator"]) == (0.2, "GreaterThanThreshold")
    share = only(
        datum
        for datum in figure_data("dev", {"images": {"usable": 3, "rejected": 1}})
        if datum["MetricName"] == one["MetricName"]
    )
    assert share["Value"] == 0.25
    assert share["Dimensions"] == one["Dimensions"]


def test_a_cluster_that_idles_past_its_time_out_alarms() -> None:
    """EMR's own metric of this cluster, a quarter of an hour after it should have ended."""
    one = alarm(synthesise(stage="dev", idle_timeout_minutes=30), "idles")
    assert (one["MetricName"], one["Namespace"], one["Statistic"]) == (
        "IsIdle", "AWS/ElasticMapReduce", "Minimum",
    )  # fmt: skip
    assert one["Period"] * one["EvaluationPeriods"] == 45 * 60
    assert one["Dimensions"][0]["Name"] == "JobFlowId"
    assert "Ref" in one["Dimensions"][0]["Value"]


def test_the_idle_alarm_stays_within_what_cloudwatch_looks_back() -> None:
    """One day, however long the time-out."""
    assert idle_periods(1) == 4
    assert idle_periods(10_080) * 5 == 24 * 60


def test_memory_pressure_is_work_that_waits_and_not_a_busy_cluster(stage) -> None:
    """Both must hold: no memory left, and containers that want some."""
    one = alarm(stage, "waits for memory")
    expression = only(each for each in one["Metrics"] if "Expression" in each)
    assert expression["Expression"] == "IF(available < 10 AND waiting > 0, 1, 0)"
    names = {
        each["Id"]: each["MetricStat"]["Metric"]["MetricName"]
        for each in one["Metrics"]
        if "MetricStat" in each
    }
    assert names == {"available": "YARNMemoryAvailablePercentage", "waiting": "ContainerPending"}


def test_the_page_shows_alarms_runs_and_cluster(stage) -> None:
    """Every figure that is published is on it."""
    page = only(of_type(stage, "AWS::CloudWatch::Dashboard"))
    body = json.dumps(page["DashboardBody"])
    figures = (*FIGURES, "RunsFailed", "RunsCompleted", *PROGRESS_METRICS, COST_METRIC)
    for name in (*figures, "CoreNodesRunning", "TaskNodesRunning"):
        assert name in body, name
    # Of every cluster, also those that are started for a run: their ids are not known here.
    assert "SEARCH('{AWS/ElasticMapReduce,JobFlowId}" in body
    assert "setPeriodToTimeRange" not in body  # would mix the largest figures of several runs
    assert page["DashboardName"] in stage.outputs("pipeline")["DashboardUrl"]["Value"]
    assert len(page["DashboardBody"]["Fn::Join"][1]) > 5  # the alarms, by reference


def test_the_dashboard_shows_what_fleets_publish(stage) -> None:
    """With instance fleets EMR publishes the units that scaling wants, and no nodes:
    https://docs.aws.amazon.com/emr/latest/ManagementGuide/UsingEMR_ViewingMetrics.html
    """
    body = json.dumps(only(of_type(stage, "AWS::CloudWatch::Dashboard"))["DashboardBody"])
    assert "TaskUnitsRequested" in body
    assert "NodesRequested" not in body
