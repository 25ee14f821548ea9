"""What a node is given before anything runs on it: folders, configuration files, environment."""

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from rehearsal.emr.compute import ClusterSpec, Node
from rehearsal.machine.jars import JARS, SPARK_HOME, installed_java
from rehearsal.processes import MARK, OWNER, mark, short_folder
from rehearsal.rewriting import Configurations, EmulatedAws, rewrite_configurations
from rehearsal.settings import LOOPBACK, free_port
from spark_job.contract.node import NODE_FOLDER

# What a program of this machine may inherit; anything else could lead it to another AWS or Spark.
KEPT = ("HOME", "LANG", "LC_ALL", "USER", "LOGNAME", "SSL_CERT_FILE")
# Programs live for seconds here: the quick compiler alone, nothing in /tmp, and no IPv6.
JAVA_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.net.preferIPv4Stack=true")

XML_FILES = ("core-site", "hdfs-site", "yarn-site", "mapred-site", "capacity-scheduler")
# Their properties are environment variables: of Spark, or of Hadoop's daemons.
EXPORTS = ("spark-env", "hadoop-env", "yarn-env")
SPARK_FILES = {"spark-defaults": "spark-defaults.conf", "spark-log4j2": "log4j2.properties"}
# Figures by JMX are as old as this at most, in seconds; Hadoop's own default is 10.
METRICS = "*.period=1\n"
APPLIED = {*XML_FILES, *EXPORTS, *SPARK_FILES}
LABEL = "CORE"
# What containers inherit from their NodeManager: what an instance gives to every program on it.
INHERITED = (
    *("JAVA_HOME", "PATH", "TMPDIR", MARK, OWNER, "SPARK_LOCAL_IP", "AWS_ENDPOINT_URL"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"),
    *("AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_METADATA_ENDPOINT"),
    *("AWS_METADATA_SERVICE_TIMEOUT", "AWS_METADATA_SERVICE_NUM_ATTEMPTS"),
)
# Where the cluster's ResourceManager listens, each on a port of the loopback interface; the first is the web.
MANAGER_ADDRESSES = (
    "yarn.resourcemanager.webapp.address",
    "yarn.resourcemanager.address",
    "yarn.resourcemanager.scheduler.address",
    "yarn.resourcemanager.resource-tracker.address",
    "yarn.resourcemanager.admin.address",
)


class NodeFolders:
    """One node's own disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.conf, self.spark_conf = root / "conf", root / "conf-spark"  # of Hadoop and of Spark
        self.opt, self.java = root / "opt", root / "java"  # the node's /opt and JAVA_HOME
        # Working folders of containers, and APPLICATION/CONTAINER/stderr and so on.
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
    """One cluster's folder in the rehearsal's home."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.shared = root / "shared"  # stands for HDFS: event logs, Spark's staging
        self.logs = root / "logs"  # laid out as EMR does below the cluster's log URI
        for folder in (self.shared / "spark-events", self.shared / "staging", self.logs):
            folder.mkdir(parents=True, exist_ok=True)

    def node(self, node: Node) -> NodeFolders:
        return NodeFolders(self.root / node.instance_id)

    def node_logs(self, node: Node) -> Path:
        """Return where the logs of a node's bootstrap actions and of its daemons are."""
        return self.logs / "node" / node.instance_id


@dataclass
class NodeSetup:
    """Prepares the nodes of one cluster."""

    spec: ClusterSpec
    folders: ClusterFolders
    aws: EmulatedAws
    ports: Sequence[int] | None  # where its ResourceManager listens; None: it runs no YARN
    node_ports: dict[Node, int] = field(default_factory=dict)  # where the NodeManager of each node listens
    _exports: dict[str, str] = field(default_factory=dict)

    def prepare(self, node: Node) -> None:
        """Make the node's folders, Java and configuration files. Raises OSError: there is no room.

        Its `java` links the working folder to the node's /opt, then runs the real one: YARN starts a
        container in a folder of its own, and there `opt/…` is what this node's bootstrap made.
        """
        folders = self.folders.node(node)
        folders.make()
        java = folders.java / "bin" / "java"
        java.parent.mkdir(parents=True, exist_ok=True)
        options = " ".join(JAVA_OPTIONS)
        java.write_text(
            "#!/bin/sh\n"
            f'[ -e opt ] || ln -s "{folders.opt}" opt 2>/dev/null\n'
            f'exec "{installed_java()}/bin/java" {options} "-Djava.io.tmpdir={folders.tmp}" "$@"\n'
        )
        java.chmod(0o755)
        if self.ports is not None:
            self.node_ports[node] = free_port()
            self._write_configuration(node, folders, self.ports)

    def daemon_environment(self, node: Node) -> dict[str, str]:
        """Return what every program of the node inherits: Hadoop's daemons, and by them containers."""
        folders = self.folders.node(node)
        path = [folders.java / "bin", SPARK_HOME / "bin", Path(sys.executable).parent]
        return {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            **self.aws.node_environment(self.spec.cluster_id, node.instance_id),
            **mark(self.folders.root.parent, f"{self.spec.cluster_id}/{node.instance_id}"),
            "PATH": os.pathsep.join([*map(str, path), os.environ.get("PATH", os.defpath)]),
            "TMPDIR": str(folders.tmp),
            "JAVA_HOME": str(folders.java),
            "SPARK_LOCAL_IP": LOOPBACK,
        }

    def shell_environment(self, node: Node) -> dict[str, str]:
        """Return what bootstrap actions and steps find: region and configurations besides."""
        folders = self.folders.node(node)
        return {
            **self.daemon_environment(node),
            "AWS_REGION": self.aws.region,
            "AWS_DEFAULT_REGION": self.aws.region,
            "SPARK_HOME": str(SPARK_HOME),
            "SPARK_CONF_DIR": str(folders.spark_conf),
            "HADOOP_CONF_DIR": str(folders.conf),
            "YARN_CONF_DIR": str(folders.conf),
            # spark-submit hands it on to driver and executors.
            "SPARK_DIST_CLASSPATH": f"{JARS}/s3/*",
            "FRUIT_FEATURES_HOME": str(folders.opt / Path(NODE_FOLDER).name),
            "FRUIT_FEATURES_PYTHON": sys.executable,
            **self._exports,
        }

    def working_folder(self, node: Node, step_id: str) -> Path:
        """Make a folder for a step, with the link to the node's /opt that containers have."""
        folders = self.folders.node(node)
        folder = folders.root / "steps" / step_id
        folder.mkdir(parents=True)
        (folder / "opt").symlink_to(folders.opt)
        return folder

    def _write_configuration(self, node: Node, folders: NodeFolders, ports: Sequence[int]) -> None:
        given, changes = rewrite_configurations(
            self.spec.configurations,
            aws=self.aws,
            place=place(node, folders, ports, self.node_ports[node]),
            shared=self.folders.shared,
        )
        files = {
            name: {**EMR_DEFAULTS.get(name, {}), **given.get(name, {})} for name in {**EMR_DEFAULTS, **given}
        }
        write_hadoop_files(folders.conf, files)
        write_spark_files(folders.spark_conf, files)
        self._exports = exports(files)
        lines = [str(change) for change in changes]
        lines += [f"{name}: recorded only" for name in recorded_only(self.spec.configurations)]
        (self.folders.root / "rewritten.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def recorded_only(requested: Configurations) -> list[str]:
    """Return the classifications that no program of the rehearsal reads."""
    return sorted(name for name in requested if name not in APPLIED)


def write_hadoop_files(folder: Path, given: Configurations) -> None:
    """Write every XML file; one that nobody asked for is empty."""
    for name in XML_FILES:
        root = ElementTree.Element("configuration")
        for key, value in given.get(name, {}).items():
            entry = ElementTree.SubElement(root, "property")
            ElementTree.SubElement(entry, "name").text = key
            ElementTree.SubElement(entry, "value").text = value
        ElementTree.ElementTree(root).write(folder / f"{name}.xml", encoding="utf-8", xml_declaration=True)
    (folder / "hadoop-metrics2.properties").write_text(METRICS)


def write_spark_files(folder: Path, given: Configurations) -> None:
    """Write `spark-defaults.conf`, and `log4j2.properties` when it is asked for, as java.util.Properties."""
    for name, file in SPARK_FILES.items():
        if name in given:
            lines = [
                f"{_escaped(key, ' =:#!')}={_escaped(value, '')}\n" for key, value in given[name].items()
            ]
            (folder / file).write_text("".join(lines), encoding="utf-8")


def exports(given: Configurations) -> dict[str, str]:
    """Return the environment variables that the classifications export."""
    return {key: value for name in EXPORTS for key, value in given.get(name, {}).items()}


def _escaped(text: str, separators: str) -> str:
    """Return a key or a value with backslashes, a line's end and a key's separators escaped."""
    for character in "\\" + separators:
        text = text.replace(character, "\\" + character)
    text = text.replace("\n", "\\n")
    return "\\" + text if text.startswith(" ") else text


# Settings that a cluster's configurations may override, as EMR has its own.
EMR_DEFAULTS: Configurations = {
    "spark-defaults": {
        "spark.master": "yarn",
        "spark.eventLog.enabled": "true",
        "spark.dynamicAllocation.enabled": "true",
        "spark.yarn.scheduler.heartbeat.interval-ms": "500",
    },
    "capacity-scheduler": {
        "yarn.scheduler.capacity.root.queues": "default",
        "yarn.scheduler.capacity.root.default.capacity": "100",
        # Hadoop's own, which EMR leaves: the first master of a label always starts, a second may wait.
        "yarn.scheduler.capacity.maximum-am-resource-percent": "0.1",
        "yarn.scheduler.capacity.root.accessible-node-labels": "*",
        f"yarn.scheduler.capacity.root.accessible-node-labels.{LABEL}.capacity": "100",
        f"yarn.scheduler.capacity.root.default.accessible-node-labels.{LABEL}.capacity": "100",
    },
    "yarn-site": {
        "yarn.node-labels.configuration-type": "distributed",
        "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "200",
        "yarn.resourcemanager.nm.liveness-monitor.interval-ms": "1000",
        # A node that is silent for so long is lost; on a busy machine a daemon may rest for ten seconds.
        "yarn.nm.liveness-monitor.expiry-interval-ms": "20000",
        # A driver registers when its Spark is up: on a busy machine that takes its time.
        "yarn.am.liveness-monitor.expiry-interval-ms": "120000",
        "yarn.nodemanager.sleep-delay-before-sigkill.ms": "250",
        # YARN's own is two minutes: as long as a whole run takes here.
        "yarn.nodemanager.disk-health-checker.interval-ms": "10000",
        "yarn.dispatcher.drain-events.timeout": "5000",
        "yarn.resourcemanager.am.max-attempts": "2",
    },
}


def place(node: Node, folders: NodeFolders, manager_ports: Sequence[int], node_port: int) -> Configurations:
    """Return the settings for the node's own ports and folders."""
    addresses = {
        **dict(zip(MANAGER_ADDRESSES, manager_ports, strict=True)),
        "yarn.nodemanager.address": node_port,
        "yarn.nodemanager.localizer.address": 0,
        "yarn.nodemanager.webapp.address": 0,
    }
    label = {
        "yarn.nodemanager.node-labels.provider": "config",
        "yarn.nodemanager.node-labels.provider.configured-node-partition": LABEL,
    }
    return {
        "yarn-site": {
            **{key: f"{LOOPBACK}:{port}" for key, port in addresses.items()},
            **(label if node.role == "CORE" else {}),
            "yarn.nodemanager.local-dirs": str(folders.yarn_local),
            "yarn.nodemanager.log-dirs": str(folders.container_logs),
            "yarn.nodemanager.env-whitelist": ",".join(INHERITED),
            "yarn.node-labels.fs-store.root-dir": f"file://{folders.root}/node-labels",
        },
        "core-site": {"hadoop.tmp.dir": str(folders.tmp), "fs.s3a.buffer.dir": str(folders.tmp)},
        "spark-defaults": {
            "spark.yarn.jars": f"local:{SPARK_HOME}/jars/*",
            "spark.driver.bindAddress": LOOPBACK,
        },
    }
