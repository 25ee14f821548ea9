"""AWS::CloudWatch::Alarm on an expression of several metrics: recorded as asked for, never evaluated."""

from typing import Any

from ministack.services.cloudformation import provisioners

PLACEHOLDER = {"MetricName": "expression", "Namespace": "expression"}


def install() -> None:
    """MiniStack refuses them; let it keep them, in the state INSUFFICIENT_DATA."""
    record = provisioners._cw_metric_alarm_record

    def with_metrics(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        if not properties.get("Metrics"):
            plain: dict[str, Any] = record(name, properties)
            return plain
        rest = {key: value for key, value in properties.items() if key != "Metrics"}
        alarm: dict[str, Any] = record(name, {**rest, **PLACEHOLDER})
        # As DescribeAlarms answers such an alarm: no metric of its own, and MiniStack evaluates none without.
        for key in ("MetricName", "Namespace", "Statistic", "Period"):
            alarm.pop(key, None)
        return {**alarm, "Metrics": properties["Metrics"]}

    provisioners._cw_metric_alarm_record = with_metrics
