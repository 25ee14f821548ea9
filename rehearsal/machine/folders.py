"""Where a cluster and its nodes keep their files on this machine."""

import shutil
from pathlib import Path

from rehearsal.emr.compute import Node
from rehearsal.processes import short_folder


class NodeFolders:
    """One node's own disk.

    Attributes:
        conf, spark_conf: The configuration files of Hadoop and of Spark.
        opt: The node's /opt.
        java: The node's JAVA_HOME.
        yarn_local: Working folders of containers.
        container_logs: APPLICATION/CONTAINER/stderr and so on.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.conf, self.spark_conf = root / "conf", root / "conf-spark"
        self.opt, self.java = root / "opt", root / "java"
        self.yarn_local, self.container_logs = root / "yarn", root / "containers"

    @property
    def tmp(self) -> Path:
        """The node's /tmp; its path is short, whatever the home: sockets in it may have 107 letters."""
        return short_folder(self.root.parents[1]) / self.root.name

    def make(self) -> None:
        for folder in (self.conf, self.spark_conf, self.opt, self.yarn_local, self.container_logs, self.tmp):
            folder.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Remove what only a running node needs; logs and configuration stay."""
        for folder in (self.opt, self.yarn_local, self.tmp, self.root / "steps"):
            shutil.rmtree(folder, ignore_errors=True)


class ClusterFolders:
    """One cluster's folder in the rehearsal's home.

    Attributes:
        shared: Stands for HDFS: event logs, Spark's staging.
        logs: Laid out as EMR does below the cluster's log URI.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.shared, self.logs = root, root / "shared", root / "logs"
        for folder in (self.shared / "spark-events", self.shared / "staging", self.logs):
            folder.mkdir(parents=True, exist_ok=True)

    def node(self, node: Node) -> NodeFolders:
        return NodeFolders(self.root / node.instance_id)

    def node_logs(self, node: Node) -> Path:
        """Return where the logs of a node's bootstrap actions and of its daemons are."""
        return self.logs / "node" / node.instance_id
