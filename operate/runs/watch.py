"""Says how a cluster and its run go, each change once and every ten seconds how far; and how they ended."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from operate.connection import Connection
from operate.emr.clusters import Cluster, find_cluster, list_clusters, list_nodes
from operate.emr.node_costs import account, total
from operate.emr.steps import COMPLETED, POLL_SECONDS, Step, follow, list_steps
from operate.errors import DeploymentNotFoundError, OperateError
from operate.printing import say
from operate.runs.logs import StepLogs, last_lines
from operate.runs.run_history import nodes_of_run, run_prefix
from operate.s3.objects import read_json
from spark_job.contract.progress import Progress
from spark_job.contract.run_layout import COST, PROGRESS

LAST_LINES = 20
# EMR copies a step's logs soon after its end; the driver's come with the next round.
LOGS_COME_WITHIN_SECONDS = 60.0
# In cluster mode Spark passes on all that the job says to stdout: that comes last.
DRIVER_KINDS = ("driver-stderr", "driver-stdout", "stderr")
SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_LOOKS = 5.0
LINES_OF_A_STALLED = 5


def progress_of(connection: Connection, step: Step, cluster_id: str) -> Progress | None:
    """Return how far a step's run is, and what its share of the cluster has cost; None: it does not say."""
    content = read_of_run(connection, step, PROGRESS)
    if content is None:
        return None
    progress = Progress.from_json(content)
    if progress.cost_usd is not None or not step.active:
        return progress
    emr, now = connection.client("emr"), datetime.now(UTC)
    share = nodes_of_run(step, list_steps(emr, cluster_id), list_nodes(emr, cluster_id), now)
    return replace(progress, cost_usd=total(account(share, connection.region, now)))


class StepFailedError(OperateError):
    """A step ended otherwise than COMPLETED; the message ends in the logs' URI."""


def logs_of(connection: Connection, cluster_id: str, step_id: str) -> StepLogs:
    """Return the logs of a step of this deployment."""
    uri = f"{connection.deployment.logs_uri}/{cluster_id}"
    return StepLogs(connection.client("s3"), uri, step_id)


def wait_for_outcome(
    connection: Connection, cluster_id: str, step_id: str, meanwhile: Callable[[Step], None] = lambda _: None
) -> Step:
    """Follow a step to its end, as `follow` does. Raises StepFailedError: it did not complete."""
    step = follow(connection.client("emr"), cluster_id, step_id, say, meanwhile=meanwhile)
    if step.state != COMPLETED:
        logs = logs_of(connection, cluster_id, step_id)
        for line in driver_words(logs):
            say(f"| {line}")
        cluster = find_cluster(connection.client("emr"), cluster_id)
        why = failure(step, logs.step_uri, cluster.reason if cluster else "")
        told = read_of_run(connection, step, COST)
        if told and told["stop"]:
            why += (
                f"; its cost limit was reached: {told['cost_usd']:.2f} of {told['max_cost_usd']:.2f} USD; "
                "`submit --resume` with a higher --max-cost goes on"
            )
        raise StepFailedError(why)
    return step


def read_of_run(connection: Connection, step: Step, name: str) -> dict[str, Any] | None:
    """Return a JSON file of a step's run, or None where there is none."""
    run_id = step.name.removeprefix(connection.deployment.name_prefix)
    bucket = connection.deployment.results_bucket
    return read_json(connection.client("s3"), bucket, run_prefix(run_id) + name)


def failure(step: Step, logs_uri: str, end_of_cluster: str = "") -> str:
    """Return a line with the step's state, EMR's reason, else that of the cluster's end, and the logs."""
    reason = step.reason or end_of_cluster or "EMR gave no reason"
    return f"step {step.id} ({step.name}) {step.state}: {reason}; logs {logs_uri} and `logs {step.id}`"


def driver_words(logs: StepLogs, patience: float = LOGS_COME_WITHIN_SECONDS) -> list[str]:
    """Return the last lines of the driver's log, else of spark-submit's; none: none came in that time."""
    waited = 0.0
    while waited <= patience:
        files = logs.files()
        if any(kind.startswith("driver") for kind in files) or waited == patience:
            break
        time.sleep(POLL_SECONDS)
        waited += POLL_SECONDS
    texts: dict[str, Any] = {kind: logs.read(files[kind]) for kind in DRIVER_KINDS if kind in files}
    spoken = [text for text in texts.values() if text.strip()]
    return last_lines("\n".join(spoken[:2]), LAST_LINES) if spoken else []


class Watch:
    """Looks at the stage's latest cluster and its steps; its clock counts seconds."""

    def __init__(
        self, connection: Connection, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connection, self._say, self._clock = connection, say, clock
        self._began, self._since = clock(), datetime.now(UTC)
        self._said, self._stalled = self._began, ""
        self._last_lines: dict[str, str] = {}  # by what they are about
        self._cluster: Cluster | None = None
        self._steps: list[Step] = []

    def look(self) -> None:
        """Look once; a call that AWS refuses is told, and is no failure of the run."""
        try:
            self._look()
        except DeploymentNotFoundError:
            pass  # its first stack is not there yet
        except (ClientError, BotoCoreError) as error:
            self._changed("error", str(error))
        if self._clock() - self._said >= SECONDS_BETWEEN_LINES:
            self._now(f"waiting for CloudFormation and EMR for {self._clock() - self._began:.0f} s")

    def look_at(self, cluster: Cluster | None, step: Step) -> None:
        """Say how far a step is; when it stalls, also the last lines of its driver, once."""
        if step.state != "RUNNING":
            if cluster:
                self._now(f"cluster {cluster.id} {cluster.state} for {self._clock() - self._began:.0f} s")
            return
        progress = progress_of(self._connection, step, cluster.id if cluster else "")
        if progress is None:
            self._now(f"{step.name} begins: the driver has said nothing yet")
            return
        self._now(progress.line())
        if progress.stalled_seconds(datetime.now(UTC)) is None:
            self._stalled = ""
        elif self._stalled != step.id and cluster:
            self._stalled = step.id
            logs = logs_of(self._connection, cluster.id, step.id)
            for line in driver_words(logs, patience=0.0)[-LINES_OF_A_STALLED:]:
                self._say(f"| {line}")

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
        cluster = next(iter(list_clusters(emr, prefix, 1)), None)
        if cluster is None or (not cluster.live and cluster.created and cluster.created < self._since):
            return  # of an earlier deploy
        self._cluster = cluster
        self._changed(cluster.id, f"cluster {cluster.id} {cluster.state} {cluster.reason}".rstrip())
        if running := sum(node.state == "RUNNING" for node in list_nodes(emr, cluster.id)):
            self._changed("nodes", f"cluster {cluster.id} has {running} node{'s' * (running > 1)}")
        self._steps = list_steps(emr, cluster.id)
        for step in self._steps:
            self._changed(step.id, f"step {step.id} {step.state}")
        active = [step for step in self._steps if step.active]
        if active and self._clock() - self._said >= SECONDS_BETWEEN_LINES:
            self.look_at(cluster, active[-1])

    def _changed(self, subject: str, line: str) -> None:
        if self._last_lines.get(subject) != line:
            self._last_lines[subject] = line
            self._now(line)

    def _now(self, line: str) -> None:
        self._said = self._clock()
        self._say(line)


def wait_for_run(connection: Connection, cluster_id: str, step_id: str) -> Step:
    """Follow the step of a run to its end, and say how far it is. Raises StepFailedError: it failed."""
    watch, emr = Watch(connection, say), connection.client("emr")

    def meanwhile(step: Step) -> None:
        with suppress(ClientError, BotoCoreError):  # a call that is refused is no failure of the run
            watch.look_at(find_cluster(emr, cluster_id), step)

    return wait_for_outcome(connection, cluster_id, step_id, meanwhile)


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Look every few seconds while the block works, from another thread."""
    ended = Event()

    def follow() -> None:
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            watch.look()

    thread = Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
