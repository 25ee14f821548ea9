"""Calls of the deployed function that starts clusters: for the deployed job, and for a run's cluster."""

import json
from dataclasses import asdict
from typing import Any

from infra.contract import outputs
from infra.launch.deployed_job import DeployedJob
from infra.launch.run_request import RunRequest
from operate.connection import Connection
from operate.errors import OperateError
from spark_job.contract.errors import MisuseError


def deployed_job(connection: Connection) -> DeployedJob:
    """Return how the deployed job is started. Raises OperateError where the function does not answer."""
    return DeployedJob.from_json(_ask(connection, {"describe": True}))


def launch(connection: Connection, request: RunRequest) -> tuple[str, str]:
    """Start a cluster that ends with this run, and return its id and that of its step.

    Raises OperateError: the function refuses; the message holds its reason.
    """
    answer = _ask(connection, {"run": asdict(request)})
    return str(answer["cluster_id"]), str(answer["step_id"])


def _ask(connection: Connection, event: dict[str, Any]) -> dict[str, Any]:
    name = connection.deployment.of_pipeline(outputs.LAUNCHER)
    answer = connection.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    content: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise OperateError(
            f"the function {name} failed: {content.get('errorMessage')}; its log in CloudWatch says more"
        )
    if "error" in content:
        misuse = content["exit_code"] == MisuseError.exit_code
        raise (MisuseError if misuse else OperateError)(content["error"])
    return content
