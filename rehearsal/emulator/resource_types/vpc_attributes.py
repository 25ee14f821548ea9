"""Attributes of AWS::EC2::VPC that MiniStack's CloudFormation does not answer."""

from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import provisioners

Operation = Callable[..., tuple[str, dict[str, Any]]]


def install() -> None:
    """Let `Fn::GetAtt` answer the network's address range."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::EC2::VPC"]
    # Where the new properties stand among the arguments.
    handlers["create"] = _with_range(handlers["create"], 1)
    handlers["update"] = _with_range(handlers["update"], 2)


def _with_range(operation: Operation, position: int) -> Operation:
    def run(*arguments: Any) -> tuple[str, dict[str, Any]]:
        physical_id, attributes = operation(*arguments)
        return physical_id, {**attributes, "CidrBlock": arguments[position].get("CidrBlock")}

    return run
