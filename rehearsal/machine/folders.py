"""Where a cluster and its nodes keep their files on this machine."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from rehearsal.emr.compute import Node
from rehearsal.processes import short_folder


@dataclass(frozen=True)
class NodeFolders:
    """One node's own disk."""

    root: Path

    @property
    def conf(self) -> Path:
        """Hadoop's configuration files."""
        return self.root / "conf"

    @property
    def spark_conf(self) -> Path:
        """Spark's configuration files."""
        return self.root / "conf-spark"

    @property
    def opt(self) -> Path:
        """The node's /opt."""
        return self.root / "opt"

    @property
    def java(self) -> Path:
        """The node's JAVA_HOME."""
        return self.root / "java"

    @property
    def yarn_local(self) -> Path:
        """Working folders of containers."""
        return self.root / "yarn"

    @property
    def container_logs(self) -> Path:
        """Logs of containers: APPLICATION/CONTAINER/stderr and so on."""
        return self.root / "containers"

    @property
    def tmp(self) -> Path:
        """The node's /tmp; its path is short, whatever the home: sockets in it may have 107 letters."""
        return short_folder(self.root.parents[1]) / self.root.name

    def make(self) -> None:
        """Create the folders."""
        for folder in (self.conf, self.spark_conf, self.opt, self.yarn_local, self.container_logs, self.tmp):
            folder.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Remove what only a running node needs; logs and configuration stay."""
        for folder in (self.opt, self.yarn_local, self.tmp, self.root / "steps"):
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class ClusterFolders:
    """One cluster's folder in the rehearsal's home."""

    root: Path

    @property
    def shared(self) -> Path:
        """The folder that stands for HDFS: event logs, Spark's staging."""
        return self.root / "shared"

    @property
    def logs(self) -> Path:
        """Logs, laid out as EMR does below the cluster's log URI."""
        return self.root / "logs"

    def node(self, node: Node) -> NodeFolders:
        """Return the folders of one node."""
        return NodeFolders(self.root / node.instance_id)

    def step_logs(self, step_id: str) -> Path:
        """Return where controller, syslog, stderr and stdout of a step are."""
        return self.logs / "steps" / step_id

    def bootstrap_logs(self, node: Node, number: int) -> Path:
        """Return where controller, stderr and stdout of a bootstrap action are."""
        return self.logs / "node" / node.instance_id / "bootstrap-actions" / str(number)

    def daemon_log(self, node: Node, daemon: str) -> Path:
        """Return the log of one of Hadoop's daemons."""
        return self.logs / "node" / node.instance_id / "applications" / "hadoop-yarn" / f"{daemon}.log"

    def make(self) -> None:
        """Create the folders."""
        for folder in (self.shared / "spark-events", self.shared / "staging", self.logs):
            folder.mkdir(parents=True, exist_ok=True)
