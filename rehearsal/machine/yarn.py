"""A cluster's YARN: one ResourceManager, and a NodeManager for each core and task node, as Java programs."""

import getpass
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import urllib3

from rehearsal.emr.compute import ComputeError, Demand, Node
from rehearsal.machine.jars import JARS, SPARK_HOME, installed_java
from rehearsal.machine.node_setup import JAVA_OPTIONS, LABEL, MANAGER_ADDRESSES, ClusterFolders, NodeFolders
from rehearsal.processes import end, processes_of, start, wait_until
from rehearsal.settings import LOOPBACK, free_ports

HADOOP = "org.apache.hadoop.yarn"
START_SECONDS = 120.0
STOP_SECONDS = 10.0
# Scaling takes idle nodes; an executor that idles ends by itself after a minute.
DRAIN_SECONDS = 90.0
LAST_LINES = 12
CLASS_ARCHIVE = JARS / "daemons.jsa"
OPTIONS = (
    "-Xmx300m",
    "-XX:+UseSerialGC",
    *JAVA_OPTIONS,
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    f"-Dlog4j2.configurationFile={Path(__file__).with_name('daemons.log4j2.properties')}",
)


@dataclass(frozen=True)
class Daemon:
    """One running ResourceManager or NodeManager, and the port by which YARN knows it."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until it is of use. Raises ComputeError with the last lines of its log: it is not."""
        if wait_until(lambda: not self.is_alive() or ready(), START_SECONDS) and self.is_alive():
            return
        end(self.process, 0)
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        raise ComputeError(f"{what} did not come up; its log ends with:\n" + "\n".join(lines))

    def is_alive(self) -> bool:
        return self.process.poll() is None


class Yarn:
    """Starts and ends daemons; every method may be called from any thread."""

    def __init__(self, folders: ClusterFolders, *, labels: bool) -> None:
        self._folders = folders
        self._labels = labels
        self.ports = free_ports(len(MANAGER_ADDRESSES))
        self.manager = ResourceManager(self.ports[0])
        self._daemon: Daemon | None = None
        # Threads share it: each reads or changes it in one operation.
        self._node_managers: dict[Node, Daemon] = {}

    def start(self, primary: Node, environment: Mapping[str, str]) -> None:
        """Start the ResourceManager and make the label. Raises ComputeError: it did not come up."""
        self._daemon = self._start("ResourceManager", primary, self.ports[0], environment)
        self._daemon.wait_until(self.manager.is_up, "YARN's ResourceManager")
        if self._labels:
            # When nodes with the label idle, they take requests without it as well.
            labels = {"nodeLabelsInfo": [{"name": LABEL, "exclusivity": False}]}
            self.manager.call("POST", "add-node-labels", labels)

    def join(self, node: Node, port: int, environment: Mapping[str, str]) -> None:
        """Start a NodeManager and wait until YARN counts on it. Raises ComputeError: it did not come up."""
        if not wait_until(self.manager.is_up, START_SECONDS):
            raise ComputeError("There is no ResourceManager to join")
        daemon = self._node_managers[node] = self._start("NodeManager", node, port, environment)
        daemon.wait_until(
            lambda: self._of(port).get("state") == "RUNNING", f"The NodeManager of {node.instance_id}"
        )

    def drain(self, node: Node) -> None:
        """Give the node no new containers, wait until it has none, end its NodeManager."""
        daemon = self._node_managers.get(node)
        if daemon and daemon.is_alive():
            if listed := self._of(daemon.port):
                # Without memory on YARN's books it gets no new containers; those that run go on.
                command = java_command(f"{HADOOP}.client.cli.RMAdminCLI", self._folders.node(node).conf)
                command += ["-updateNodeResource", listed["nodeId"], "0", "0", "-1"]
                ended = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS)
                if ended.returncode != 0:
                    reason = ended.stderr.strip()[-500:]
                    raise ComputeError(f"YARN did not let {node.instance_id} go: {reason}")
                wait_until(lambda: not int(self._of(daemon.port).get("numContainers", 0)), DRAIN_SECONDS)
            end(daemon.process, STOP_SECONDS)
        self.forget(node)

    def forget(self, node: Node) -> None:
        """Kill the node's NodeManager and count on it no more."""
        if daemon := self._node_managers.pop(node, None):
            end(daemon.process, 0)

    def is_alive(self, node: Node) -> bool:
        """Return whether the node's daemon runs; a primary node need not have one yet."""
        if node.role == "MASTER":
            return self._daemon is None or self._daemon.is_alive()
        daemon = self._node_managers.get(node)
        return daemon is not None and daemon.is_alive()

    def demand(self) -> Demand:
        """Return what the ResourceManager says of its demand; no containers before it is up."""
        if self._daemon is None or not self.manager.is_up():
            return Demand(0, {})
        containers = {port: int(node["numContainers"]) for port, node in self.manager.nodes().items()}
        running = {
            node.instance_id: containers.get(daemon.port, 0)
            for node, daemon in self._node_managers.copy().items()
        }
        pending = self.manager.pending_containers()
        return Demand(sum(pending.values()), running, pending.get(LABEL, 0))

    def stop(self, grace_seconds: float = 0) -> None:
        """End every daemon; the ResourceManager may take so many seconds to end by itself."""
        for node in list(self._node_managers):
            self.forget(node)
        if self._daemon is not None:
            end(self._daemon.process, grace_seconds)

    def _of(self, port: int) -> dict[str, Any]:
        """Return what YARN says of a node; empty where it knows none."""
        return self.manager.nodes().get(port, {})

    def _start(self, kind: str, node: Node, port: int, environment: Mapping[str, str]) -> Daemon:
        """Start a daemon in the background; its log takes all that it prints."""
        folders, name = self._folders.node(node), kind.lower()
        log = self._folders.node_logs(node) / "applications" / "hadoop-yarn" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            command = java_command(f"{HADOOP}.server.{name}.{kind}", folders.conf)
            process = start(command, output, folders.root, environment)
        return Daemon(process, log, port)


def java_command(main: str, conf: Path) -> list[str]:
    """Return the command of one of Hadoop's own programs."""
    # What varies comes last: the archive of classes fits whatever begins as its own class path.
    classpath = [*sorted((JARS / "yarn").glob("*.jar")), SPARK_HOME / "jars" / "*", conf]
    temporary = f"-Djava.io.tmpdir={NodeFolders(conf.parent).tmp}"
    joined = os.pathsep.join(map(str, classpath))
    archive = [f"-XX:SharedArchiveFile={CLASS_ARCHIVE}"] if CLASS_ARCHIVE.is_file() else []
    return [str(installed_java() / "bin" / "java"), *OPTIONS, *archive, temporary, "-cp", joined, main]


def has_containers(home: Path, cluster_id: str, application_id: str) -> bool:
    """Return whether processes of an application's containers run on any node of the cluster."""
    numbers = application_id.removeprefix("application_")
    for process in processes_of(home, cluster_id):
        with suppress(psutil.Error):
            if numbers in process.environ().get("CONTAINER_ID", ""):
                return True
    return False


# Metrics of queues, also by node label; the REST interface counts only requests without one.
QUEUES = "Hadoop:service=ResourceManager,name=*QueueMetrics,*"
SECONDS = 10.0
HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}


@dataclass(frozen=True)
class ResourceManager:
    """A ResourceManager on the loopback interface.

    https://hadoop.apache.org/docs/r3.3.4/hadoop-yarn/hadoop-yarn-site/ResourceManagerRest.html, but for the
    names in its JSON: PySpark's jars hold another JSON provider, which names things as the Java classes do.
    """

    port: int

    def is_up(self) -> bool:
        try:
            return bool(self.call("GET", "info").get("hastate") == "active")
        except ComputeError:
            return False

    def nodes(self) -> dict[int, dict[str, Any]]:
        """Return NodeManager's port to what YARN says of it: state, numContainers, nodeLabels and so on."""
        listed = self.call("GET", "nodes")["nodes"]
        return {int(node["nodeId"].rpartition(":")[2]): node for node in listed}

    def pending_containers(self) -> dict[str, int]:
        """Return how many containers wait for room, by the label that they ask for, empty without one."""
        beans = self._ask("GET", f"/jmx?qry={QUEUES}")["beans"]
        waiting = {
            bean["name"]: int(bean.get("PendingContainers", 0))
            for bean in beans
            if bean["name"].endswith(",q0=root")
        }
        by_label = {
            label[1]: count
            for name, count in waiting.items()
            if (label := re.search("partition=([^,]*)", name))
        }
        # `QueueMetrics` repeats what `partition=` says, but is alone where there are no labels.
        return by_label or {"": sum(waiting.values())}

    def kill_application(self, application_id: str) -> None:
        """End an application and its containers; nothing when it has ended."""
        self.call("PUT", f"apps/{application_id}/state", {"state": "KILLED"})

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        return self._ask(method, f"/ws/v1/cluster/{path}?user.name={getpass.getuser()}", body)

    def _ask(self, method: str, target: str, body: Any = None) -> dict[str, Any]:
        url = f"http://{LOOPBACK}:{self.port}{target}"
        try:
            answer = urllib3.request(method, url, json=body, headers=HEADERS, timeout=SECONDS, retries=False)
        except urllib3.exceptions.HTTPError as error:
            raise ComputeError(f"YARN's ResourceManager does not answer: {error}") from error
        text = answer.data.decode(errors="replace")
        if answer.status >= 300:
            raise ComputeError(f"YARN refused {method} {target}: {answer.status} {text[:500]}")
        return dict(json.loads(text)) if text.startswith("{") else {}
