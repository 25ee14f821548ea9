"""Tells how the deploy's cluster and step go, while CDK waits for them."""

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


class Follower:
    """Tells each change of state once, and the driver's progress as it comes.

    Attributes:
        clusters: Those of the stage, the latest first, as last seen.
        steps: Of each cluster, the latest first, as last seen.
    """

    def __init__(self, connection: Connection, say: Callable[[str], None]) -> None:
        self._connection, self._say = connection, say
        self._told: dict[str, str] = {}
        self._readers: dict[str, Reader] = {}
        self.clusters: list[Cluster] = []
        self.steps: dict[str, list[Step]] = {}

    def look(self) -> None:
        """Look once; that EMR or S3 refuses a call is told, and no failure of the run."""
        try:
            self._look()
        except ClientError as error:
            self._tell("error", str(error))

    def why_it_failed(self) -> list[str]:
        """The driver's last lines and the reason of a step or cluster that failed; empty: none did."""
        for cluster in self.clusters:
            for step in self.steps.get(cluster.id, ()):
                # One that never started was cancelled with its cluster, and has no log.
                if step.started and not step.active and step.state != COMPLETED:
                    logs = logs_of(self._connection, cluster.id, step.id)
                    return [*(f"| {line}" for line in driver_words(logs)), failure(step, logs.step_uri)]
            if cluster.state == "TERMINATED_WITH_ERRORS":
                return [f"cluster {cluster.id} {cluster.state}: {cluster.reason}"]
        return []

    def _look(self) -> None:
        emr, prefix = self._connection.client("emr"), self._connection.deployment.name_prefix
        self.clusters = list_clusters(emr, prefix, 1)
        for cluster in self.clusters:
            self._tell(cluster.id, f"cluster {cluster.id} {cluster.state} {cluster.reason}".rstrip())
            running = [node for node in list_nodes(emr, cluster.id) if node.state == "RUNNING"]
            if running:
                self._tell(f"nodes of {cluster.id}", f"cluster {cluster.id} has {len(running)} nodes")
            self.steps[cluster.id] = list_steps(emr, cluster.id)
            for step in self.steps[cluster.id]:
                self._tell(step.id, f"step {step.id} {step.state}")
                if step.started:
                    self._tell_progress(logs_of(self._connection, cluster.id, step.id))

    def _tell_progress(self, logs: StepLogs) -> None:
        reader = self._readers.setdefault(logs.step_id, Reader(logs, DRIVER_KINDS, PROGRESS))
        lines = list(reader.new_lines(to_the_end=False))
        if lines:  # many come at once: the last one says where it is
            self._tell(f"progress of {logs.step_id}", lines[-1])

    def _tell(self, subject: str, line: str) -> None:
        if self._told.get(subject) != line:
            self._told[subject] = line
            self._say(line)
