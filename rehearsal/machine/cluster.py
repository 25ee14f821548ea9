"""The machine under one EMR cluster: nodes, YARN, steps and logs, as `rehearsal.emr.compute` asks for."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from rehearsal.emr import compute
from rehearsal.emr.compute import ComputeError, Node
from rehearsal.machine.jars import installed_java
from rehearsal.machine.log_bucket import LogBucket, s3_client
from rehearsal.machine.node_setup import ClusterFolders, NodeSetup
from rehearsal.machine.programs import LoggedProcess, RunningStep, fetch, note, script_command, step_command
from rehearsal.machine.yarn import Yarn, has_containers
from rehearsal.processes import sweep
from rehearsal.rewriting import EmulatedAws, rewrite_arguments


def machine(
    home: Path, aws: EmulatedAws, logs_late: Callable[[], float] = lambda: 0.0
) -> compute.ComputeFactory:
    """Return the maker of clusters: nodes are folders below `home`, logs come `logs_late()` seconds late.

    Raises FruitError: the jars have not been fetched, or there is no Java 17.
    """
    installed_java()
    return lambda spec: Cluster(spec, home.resolve(), aws, logs_late)


class Cluster:
    """One cluster's nodes on this machine (a `Compute`)."""

    def __init__(
        self, spec: compute.ClusterSpec, home: Path, aws: EmulatedAws, logs_late: Callable[[], float]
    ) -> None:
        self._home, self._id = home, spec.cluster_id
        self._nodes: list[Node] = []
        self._folders = ClusterFolders(home / self._id)
        self._s3 = s3_client(aws, self._id)
        self._bucket = LogBucket(self._s3, spec.log_uri, self._id, logs_late)
        labels = spec.configurations.get("yarn-site", {}).get("yarn.node-labels.enabled") == "true"
        self._yarn = Yarn(self._folders, labels=labels) if spec.runs_yarn else None
        ports = self._yarn.ports if self._yarn else None
        self._setup = NodeSetup(spec, self._folders, aws, ports)

    def provision(self, node: Node) -> None:
        try:
            self._setup.prepare(node)
        except OSError as error:
            raise ComputeError(f"No room for {node.instance_id}: {error}") from error
        self._nodes.append(node)

    def bootstrap(self, node: Node, number: int, action: compute.BootstrapAction) -> int:
        """Run the script in a folder of its own on the node; its logs are in S3 afterwards."""
        folder = self._folders.node(node).root / "bootstrap-actions" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        logs = self._folders.node_logs(node) / "bootstrap-actions" / str(number)
        arguments = self._rewrite(action.arguments, logs)
        command = script_command(fetch(self._s3, action.path, folder), arguments)
        environment = self._setup.shell_environment(node)
        code = LoggedProcess(command, logs=logs, folder=folder, environment=environment).wait()
        note(logs, f"bootstrap action {number} ended with exit code {code}")
        self._push_logs()
        return code

    def start(self, primary: Node) -> None:
        if self._yarn:
            self._yarn.start(primary, self._setup.daemon_environment(primary))

    def join(self, node: Node) -> None:
        if self._yarn and node.role != "MASTER":
            self._yarn.join(node, self._setup.node_ports[node], self._setup.daemon_environment(node))

    def leave(self, node: Node) -> None:
        if self._yarn:
            self._yarn.drain(node)
        self._end(node)
        self._push_logs()

    def lose(self, node: Node) -> None:
        if self._yarn:
            self._yarn.forget(node)
        self._end(node)

    def is_alive(self, node: Node) -> bool:
        """Return whether the node is there, and its daemon runs when it should have one."""
        return node in self._nodes and (not self._yarn or self._yarn.is_alive(node))

    def run(self, program: compute.Program) -> RunningStep:
        primary = next((node for node in self._nodes if node.role == "MASTER"), None)
        if primary is None:
            raise ComputeError("The cluster has no primary node")
        logs = self._folders.logs / "steps" / program.step_id
        note(logs, f"Ensure step {program.step_id} jar file {program.jar}")
        folder = self._setup.working_folder(primary, program.step_id)
        try:
            arguments = self._rewrite(program.arguments, logs)
            conf = self._folders.node(primary).conf
            command = step_command(program, arguments, s3=self._s3, folder=folder, conf=conf)
        except ComputeError as error:
            note(logs, f"Step failed: {error}")
            self._push_logs()
            raise
        (logs / "syslog").touch()
        environment = self._setup.shell_environment(primary)
        return RunningStep(
            LoggedProcess(command, logs=logs, folder=folder, environment=environment),
            self._yarn.manager if self._yarn else None,
            partial(has_containers, self._home, self._id),
            self._push_logs,
        )

    def demand(self) -> compute.Demand:
        return self._yarn.demand() if self._yarn else compute.Demand(0, {})

    def stop(self) -> None:
        """Kill everything of the cluster, keep its logs and configuration files, remove the rest."""
        if self._yarn:
            self._yarn.stop()
        sweep(self._home, self._id)
        # Side by side: a node counts, and is paid for, until the last one is gone.
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._clear, list(self._nodes)))
        self._push_logs()

    def _end(self, node: Node) -> None:
        """Kill what runs on the node, and what that starts meanwhile; then remove the node."""
        sweep(self._home, f"{self._id}/{node.instance_id}")
        self._clear(node)

    def _clear(self, node: Node) -> None:
        if node in self._nodes:
            self._nodes.remove(node)
        self._folders.node(node).clear()

    def _rewrite(self, arguments: Sequence[str], logs: Path) -> list[str]:
        given, changes = rewrite_arguments(arguments, self._folders.shared)
        for change in changes:
            note(logs, f"rewritten by the rehearsal: {change}")
        return given

    def _push_logs(self) -> None:
        containers = self._folders.root.glob("i-*/containers")
        self._bucket.push({self._folders.logs: "", **dict.fromkeys(containers, "containers")})
