"""How a step ended, as a person or a script needs it: reason, the driver's last words, where the logs are."""

import time
from collections.abc import Callable
from typing import Any

from operate.connection import Connection
from operate.emr.clusters import find_cluster
from operate.emr.steps import COMPLETED, POLL_SECONDS, Step, follow
from operate.errors import OperateError
from operate.printing import say
from operate.runs.logs import StepLogs, last_lines
from operate.runs.run_folder import run_prefix
from operate.s3.objects import read_json
from spark_job.contract.run_layout import COST

LAST_LINES = 20
# EMR copies a step's logs soon after its end; the driver's come with the next round.
LOGS_COME_WITHIN_SECONDS = 60.0
# In cluster mode Spark passes on all that the job says to stdout: that comes last.
DRIVER_KINDS = ("driver-stderr", "driver-stdout", "stderr")


class StepFailedError(OperateError):
    """A step ended otherwise than COMPLETED; the message ends in the logs' URI."""


def logs_of(connection: Connection, cluster_id: str, step_id: str) -> StepLogs:
    """Return the logs of a step of this deployment."""
    uri = f"{connection.deployment.logs_uri}/{cluster_id}"
    return StepLogs(connection.client("s3"), uri, step_id)


def wait_for_outcome(
    connection: Connection,
    cluster_id: str,
    step_id: str,
    *,
    meanwhile: Callable[[Step], None] = lambda _step: None,
) -> Step:
    """Follow a step to its end.

    Args:
        meanwhile: called with the step each time it has been looked at and has not ended.

    Raises StepFailedError: it did not complete.
    """
    step = follow(connection.client("emr"), cluster_id, step_id, say, meanwhile=meanwhile)
    if step.state != COMPLETED:
        logs = logs_of(connection, cluster_id, step_id)
        for line in driver_words(logs):
            say(f"| {line}")
        cluster = find_cluster(connection.client("emr"), cluster_id)
        why = failure(step, logs.step_uri, cluster.reason if cluster else "")
        raise StepFailedError(why + cost_limit(connection, step))
    return step


def read_of_run(connection: Connection, step: Step, name: str) -> dict[str, Any] | None:
    """Return a JSON file of a step's run, or None where there is none."""
    run_id = step.name.removeprefix(connection.deployment.name_prefix)
    bucket = connection.deployment.results_bucket
    return read_json(connection.client("s3"), bucket, run_prefix(run_id) + name)


def cost_limit(connection: Connection, step: Step) -> str:
    """Return words for a run that was stopped at its cost limit; empty: it was not."""
    told = read_of_run(connection, step, COST)
    if not told or not told["stop"]:
        return ""
    return (
        f"; its cost limit was reached: {told['cost_usd']:.2f} of {told['max_cost_usd']:.2f} USD; "
        "`submit --resume` with a higher --max-cost goes on"
    )


def failure(step: Step, logs_uri: str, end_of_cluster: str = "") -> str:
    """Return a line with the step's state, EMR's reason and where the logs are.

    Args:
        end_of_cluster: the reason of the cluster's end, which may have come before the step began.
    """
    reason = step.reason or end_of_cluster or "EMR gave no reason"
    return f"step {step.id} ({step.name}) {step.state}: {reason}; logs {logs_uri} and `logs {step.id}`"


def driver_words(
    logs: StepLogs,
    sleep: Callable[[float], None] = time.sleep,
    patience: float = LOGS_COME_WITHIN_SECONDS,
) -> list[str]:
    """Return the last lines of the driver's log, else of spark-submit's; none when none come in time.

    Args:
        patience: seconds.
    """
    waited = 0.0
    while waited <= patience:
        files = logs.files()
        if any(kind.startswith("driver") for kind in files) or waited == patience:
            break
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS
    texts: dict[str, Any] = {kind: logs.read(files[kind]) for kind in DRIVER_KINDS if kind in files}
    spoken = [text for text in texts.values() if text.strip()]
    return last_lines("\n".join(spoken[:2]), LAST_LINES) if spoken else []
