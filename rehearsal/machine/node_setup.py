"""What a node is given before anything runs on it: folders, configuration files, environment."""

from collections.abc import Mapping
from pathlib import Path

from rehearsal.emr.compute import ClusterSpec, Node
from rehearsal.machine.configuration_files import (
    exports,
    recorded_only,
    write_hadoop_files,
    write_spark_files,
)
from rehearsal.machine.folders import ClusterFolders, NodeFolders
from rehearsal.machine.node_configuration import ResourceManagerPorts, emr_defaults, place
from rehearsal.machine.node_environment import instance_environment, shell_environment, write_java_home
from rehearsal.machine.yarn import Software
from rehearsal.rewriting import Configurations, EmulatedAws, rewrite_configurations
from rehearsal.settings import free_port


class NodeSetup:
    """Prepares the nodes of one cluster."""

    def __init__(
        self,
        spec: ClusterSpec,
        *,
        home: Path,
        folders: ClusterFolders,
        aws: EmulatedAws,
        software: Software,
        ports: ResourceManagerPorts | None,
    ) -> None:
        self._spec = spec
        self._home = home
        self._folders = folders
        self._aws = aws
        self._software = software
        self._ports = ports
        self._node_ports: dict[Node, int] = {}
        self._exports: dict[str, str] = {}

    def prepare(self, node: Node) -> None:
        """Make the node's folders, Java and configuration files.

        Raises:
            OSError: there is no room.
        """
        folders = self._folders.node(node)
        folders.make()
        write_java_home(folders, self._software.java)
        if self._ports is not None:
            self._node_ports[node] = free_port()
            self._write_configuration(node, folders, self._ports)

    def node_port(self, node: Node) -> int:
        """Return where the node's NodeManager listens."""
        return self._node_ports[node]

    def daemon_environment(self, node: Node) -> dict[str, str]:
        """Return the environment of Hadoop's daemons, which containers inherit."""
        return instance_environment(
            self._home, f"{self._spec.cluster_id}/{node.instance_id}", self._folders.node(node), self._aws
        )

    def shell_environment(self, node: Node) -> dict[str, str]:
        """Return the environment of bootstrap actions and steps."""
        environment = shell_environment(
            self.daemon_environment(node), self._folders.node(node), self._aws, self._software.s3_jars
        )
        return {**environment, **self._exports}

    def working_folder(self, node: Node, step_id: str) -> Path:
        """Make a folder for a step, with the link to the node's /opt that containers have."""
        folders = self._folders.node(node)
        folder = folders.root / "steps" / step_id
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / "opt"
        if not link.is_symlink():
            link.symlink_to(folders.opt)
        return folder

    def _write_configuration(self, node: Node, folders: NodeFolders, ports: ResourceManagerPorts) -> None:
        given, changes = rewrite_configurations(
            self._spec.configurations,
            aws=self._aws,
            place=place(node, folders, ports, self._node_ports[node]),
            shared=self._folders.shared,
        )
        files = _over(emr_defaults(), given)
        write_hadoop_files(folders.conf, files)
        write_spark_files(folders.spark_conf, files)
        self._exports = exports(files)
        lines = [str(change) for change in changes]
        lines += [f"{name}: recorded only" for name in recorded_only(self._spec.configurations)]
        (self._folders.root / "rewritten.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _over(defaults: Configurations, given: Configurations) -> dict[str, Mapping[str, str]]:
    names = {*defaults, *given}
    return {name: {**defaults.get(name, {}), **given.get(name, {})} for name in sorted(names)}
