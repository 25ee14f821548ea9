"""Resource types that MiniStack's CloudFormation has, but does not do in full."""

from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import provisioners

Operation = Callable[..., tuple[str, dict[str, Any]]]
PLACEHOLDER = {"MetricName": "expression", "Namespace": "expression"}


def install() -> None:
    """Complete them in place."""
    provisioners._cw_metric_alarm_record = _with_metric_math(provisioners._cw_metric_alarm_record)
    vpc = provisioners._RESOURCE_HANDLERS["AWS::EC2::VPC"]
    # The number says where the new properties stand among the arguments.
    vpc["create"] = _with_address_range(vpc["create"], 1)
    vpc["update"] = _with_address_range(vpc["update"], 2)


def _with_metric_math(record: Any) -> Any:
    """Keep AWS::CloudWatch::Alarm on an expression of several metrics, in the state INSUFFICIENT_DATA."""

    def with_metrics(name: str, properties: dict[str, Any]) -> Any:
        if not properties.get("Metrics"):
            return record(name, properties)
        rest = {key: value for key, value in properties.items() if key != "Metrics"}
        alarm = record(name, {**rest, **PLACEHOLDER})
        # As DescribeAlarms answers such an alarm: no metric of its own, and MiniStack evaluates none without.
        for key in ("MetricName", "Namespace", "Statistic", "Period"):
            alarm.pop(key, None)
        return {**alarm, "Metrics": properties["Metrics"]}

    return with_metrics


def _with_address_range(operation: Operation, position: int) -> Operation:
    """Let `Fn::GetAtt` of AWS::EC2::VPC answer the network's address range."""

    def run(*arguments: Any) -> tuple[str, dict[str, Any]]:
        physical_id, attributes = operation(*arguments)
        return physical_id, {**attributes, "CidrBlock": arguments[position].get("CidrBlock")}

    return run
