"""A cluster's YARN: one ResourceManager, and a NodeManager for each core and task node."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import psutil

from rehearsal.emr.compute import ComputeError, Demand, Node
from rehearsal.machine import daemons
from rehearsal.machine.folders import ClusterFolders
from rehearsal.machine.node_configuration import LABEL, MANAGER_ADDRESSES
from rehearsal.machine.resource_manager import ResourceManager
from rehearsal.processes import processes_of, wait_until
from rehearsal.settings import free_ports

# Scaling takes idle nodes; an executor that idles ends by itself after a minute.
DRAIN_SECONDS = 90.0


class Yarn:
    """Starts and ends daemons; every method may be called from any thread."""

    def __init__(self, folders: ClusterFolders, software: daemons.Software, *, labels: bool) -> None:
        self._folders = folders
        self._software = software
        self._labels = labels
        self.ports = free_ports(len(MANAGER_ADDRESSES))
        self.manager = ResourceManager(self.ports[0])
        self._daemon: daemons.Daemon | None = None
        self._node_managers: dict[Node, tuple[daemons.Daemon, int]] = {}
        self._lock = Lock()

    def start(self, primary: Node, environment: Mapping[str, str]) -> None:
        """Start the ResourceManager and make the label. Raises ComputeError: it did not come up."""
        self._daemon = self._start(daemons.RESOURCE_MANAGER, primary, "resourcemanager", environment)
        self._daemon.wait_until(self.manager.is_up, "YARN's ResourceManager")
        if self._labels:
            self.manager.add_label(LABEL)

    def join(self, node: Node, port: int, environment: Mapping[str, str]) -> None:
        """Start a NodeManager on its port and wait until YARN counts on it.

        Raises:
            ComputeError: it did not come up.
        """
        if not wait_until(self.manager.is_up, daemons.START_SECONDS):
            raise ComputeError("There is no ResourceManager to join")
        daemon = self._start(daemons.NODE_MANAGER, node, "nodemanager", environment)
        with self._lock:
            self._node_managers[node] = (daemon, port)
        daemon.wait_until(
            lambda: self._of(port).get("state") == "RUNNING", f"The NodeManager of {node.instance_id}"
        )

    def drain(self, node: Node) -> None:
        """Give the node no new containers, wait until it has none, end its NodeManager."""
        with self._lock:
            daemon, port = self._node_managers.get(node, (None, 0))
        if daemon is None:
            return
        if daemon.is_alive():
            listed = self.manager.nodes().get(port)
            if listed is not None:
                self._close(node, listed["nodeId"])
                wait_until(lambda: not int(self._of(port).get("numContainers", 0)), DRAIN_SECONDS)
            daemon.stop(daemons.STOP_SECONDS)
        self.forget(node)

    def forget(self, node: Node) -> None:
        """Kill the node's NodeManager and count on it no more."""
        with self._lock:
            daemon, _ = self._node_managers.pop(node, (None, 0))
        if daemon is not None:
            daemon.stop()

    def is_alive(self, node: Node) -> bool:
        """Return whether the node's daemon runs."""
        if node.role == "MASTER":
            return self._daemon is None or self._daemon.is_alive()
        with self._lock:
            daemon, _ = self._node_managers.get(node, (None, 0))
        return daemon is not None and daemon.is_alive()

    def demand(self) -> Demand:
        """Return the demand as the ResourceManager says it; nothing before it is up."""
        if self._daemon is None or not self.manager.is_up():
            return Demand(0, {})
        containers = {port: int(node["numContainers"]) for port, node in self.manager.nodes().items()}
        with self._lock:
            ports = {node.instance_id: port for node, (_, port) in self._node_managers.items()}
        running = {instance: containers.get(port, 0) for instance, port in ports.items()}
        pending = self.manager.pending_containers()
        return Demand(sum(pending.values()), running, pending.get(LABEL, 0))

    def stop(self, grace_seconds: float = 0) -> None:
        """End every daemon; the ResourceManager may take so many seconds to end by itself."""
        for node in list(self._node_managers):
            self.forget(node)
        if self._daemon is not None:
            self._daemon.stop(grace_seconds)

    def _of(self, port: int) -> dict[str, Any]:
        """Return what YARN says of a node; empty where it knows none."""
        return self.manager.nodes().get(port, {})

    def _start(self, main: str, node: Node, name: str, environment: Mapping[str, str]) -> daemons.Daemon:
        """Start a daemon in the background; its log takes all that it prints."""
        folders = self._folders.node(node)
        log = self._folders.node_logs(node) / "applications" / "hadoop-yarn" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                daemons.java_command(main, self._software, folders.conf),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folders.root,
                env=dict(environment),
                start_new_session=True,
            )
        return daemons.Daemon(process, log)

    def _close(self, node: Node, yarn_id: str) -> None:
        """Take its memory off YARN's books: containers that run go on, no new ones come."""
        command = daemons.java_command(daemons.ADMINISTRATION, self._software, self._folders.node(node).conf)
        ended = subprocess.run(
            [*command, "-updateNodeResource", yarn_id, "0", "0", "-1"],
            capture_output=True,
            text=True,
            timeout=daemons.START_SECONDS,
        )
        if ended.returncode != 0:
            raise ComputeError(f"YARN did not let {node.instance_id} go: {ended.stderr.strip()[-500:]}")


def has_containers(home: Path, cluster_id: str, application_id: str) -> bool:
    """Return whether processes of an application's containers run on any node of the cluster."""
    numbers = application_id.removeprefix("application_")
    for process in processes_of(home, cluster_id):
        try:
            if numbers in process.environ().get("CONTAINER_ID", ""):
                return True
        except psutil.Error:
            continue
    return False
