"""Prints how the deploy's cluster and step go, while CDK waits for them."""

import re
from collections.abc import Callable

from botocore.exceptions import ClientError

from operate.connection import Connection
from operate.emr.clusters import Cluster, list_clusters
from operate.emr.nodes import list_nodes
from operate.emr.steps import COMPLETED, Step, list_steps
from operate.runs.log_files import StepLogs
from operate.runs.log_reading import Reader
from operate.runs.outcome import driver_words, failure, logs_of

# In cluster mode what the job says on stderr comes out at stdout.
DRIVER_KINDS = ("driver-stdout", "driver-stderr")
# What it says of its progress.
PROGRESS = re.compile(r"^(listing|features|reduction|report)( …|: .*images)")


class DeployProgress:
    """Prints each new state of the stage's latest cluster and its steps, and the driver's progress."""

    def __init__(self, connection: Connection, say: Callable[[str], None]) -> None:
        self._connection, self._say = connection, say
        self._last_lines: dict[str, str] = {}  # by what they are about
        self._readers: dict[str, Reader] = {}
        self._cluster: Cluster | None = None
        self._steps: list[Step] = []

    def look(self) -> None:
        """Look once; that EMR or S3 refuses a call is printed, and no failure of the run."""
        try:
            self._look()
        except ClientError as error:
            self._print("error", str(error))

    def failure_lines(self) -> list[str]:
        """Return the driver's last lines and why a step or the cluster failed; empty when none did."""
        if self._cluster is None:
            return []
        for step in self._steps:
            # One that never started was cancelled with its cluster, and has no log.
            if step.started and not step.active and step.state != COMPLETED:
                logs = logs_of(self._connection, self._cluster.id, step.id)
                return [*(f"| {line}" for line in driver_words(logs)), failure(step, logs.step_uri)]
        if self._cluster.state == "TERMINATED_WITH_ERRORS":
            return [f"cluster {self._cluster.id} {self._cluster.state}: {self._cluster.reason}"]
        return []

    def _look(self) -> None:
        emr, prefix = self._connection.client("emr"), self._connection.deployment.name_prefix
        self._cluster = next(iter(list_clusters(emr, prefix, 1)), None)
        if self._cluster is None:
            return
        cluster_id = self._cluster.id
        self._print(cluster_id, f"cluster {cluster_id} {self._cluster.state} {self._cluster.reason}".rstrip())
        if running := sum(node.state == "RUNNING" for node in list_nodes(emr, cluster_id)):
            self._print("nodes", f"cluster {cluster_id} has {running} nodes")
        self._steps = list_steps(emr, cluster_id)
        for step in self._steps:
            self._print(step.id, f"step {step.id} {step.state}")
            if step.started:
                self._print_progress(logs_of(self._connection, cluster_id, step.id))

    def _print_progress(self, logs: StepLogs) -> None:
        reader = self._readers.setdefault(logs.step_id, Reader(logs, DRIVER_KINDS, PROGRESS))
        lines = list(reader.new_lines(to_the_end=False))
        if lines:  # many come at once: the last one says where it is
            self._print(f"progress of {logs.step_id}", lines[-1])

    def _print(self, subject: str, line: str) -> None:
        if self._last_lines.get(subject) != line:
            self._last_lines[subject] = line
            self._say(line)
