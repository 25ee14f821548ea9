"""What a node is given before anything runs on it: folders, configuration files, environment."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from rehearsal.emr.compute import ClusterSpec, Node
from rehearsal.machine.daemons import Software
from rehearsal.machine.folders import ClusterFolders, NodeFolders
from rehearsal.machine.jars import SPARK_HOME
from rehearsal.machine.node_configuration import emr_defaults, place
from rehearsal.processes import mark
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


@dataclass
class NodeSetup:
    """Prepares the nodes of one cluster.

    Attributes:
        ports: Where its ResourceManager listens; None: it runs no YARN.
        node_ports: Where the NodeManager of each node listens.
    """

    spec: ClusterSpec
    home: Path
    folders: ClusterFolders
    aws: EmulatedAws
    software: Software
    ports: Sequence[int] | None
    node_ports: dict[Node, int] = field(default_factory=dict)
    _exports: dict[str, str] = field(default_factory=dict)

    def prepare(self, node: Node) -> None:
        """Make the node's folders, Java and configuration files. Raises OSError: there is no room."""
        folders = self.folders.node(node)
        folders.make()
        _write_java_home(folders, self.software.java)
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
            **mark(self.home, f"{self.spec.cluster_id}/{node.instance_id}"),
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
            "SPARK_DIST_CLASSPATH": f"{self.software.s3_jars}/*",
            "FRUIT_FEATURES_HOME": str(folders.opt / Path(NODE_FOLDER).name),
            "FRUIT_FEATURES_PYTHON": sys.executable,
            **self._exports,
        }

    def working_folder(self, node: Node, step_id: str) -> Path:
        """Make a folder for a step, with the link to the node's /opt that containers have."""
        folders = self.folders.node(node)
        folder = folders.root / "steps" / step_id
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / "opt"
        if not link.is_symlink():
            link.symlink_to(folders.opt)
        return folder

    def _write_configuration(self, node: Node, folders: NodeFolders, ports: Sequence[int]) -> None:
        given, changes = rewrite_configurations(
            self.spec.configurations,
            aws=self.aws,
            place=place(node, folders, ports, self.node_ports[node]),
            shared=self.folders.shared,
        )
        defaults = emr_defaults()
        files = {name: {**defaults.get(name, {}), **given.get(name, {})} for name in {**defaults, **given}}
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
    """Write `spark-defaults.conf`, and `log4j2.properties` when it is asked for."""
    for name, file in SPARK_FILES.items():
        if name in given:
            (folder / file).write_text(_java_properties(given[name]), encoding="utf-8")


def exports(given: Configurations) -> dict[str, str]:
    """Return the environment variables that the classifications export."""
    return {key: value for name in EXPORTS for key, value in given.get(name, {}).items()}


def _java_properties(properties: Mapping[str, str]) -> str:
    """Return lines for java.util.Properties: a backslash, a line's end and a key's separators are escaped."""
    return "".join(f"{_escaped(key, ' =:#!')}={_escaped(value, '')}\n" for key, value in properties.items())


def _escaped(text: str, separators: str) -> str:
    for character in "\\" + separators:
        text = text.replace(character, "\\" + character)
    text = text.replace("\n", "\\n")
    return "\\" + text if text.startswith(" ") else text


def _write_java_home(folders: NodeFolders, java: Path) -> None:
    """Write a JAVA_HOME whose `java` links the working folder to the node's /opt, then runs the real one.

    YARN starts a container in a folder of its own: there `opt/…` is what this node's bootstrap made.
    """
    binary = folders.java / "bin" / "java"
    binary.parent.mkdir(parents=True, exist_ok=True)
    options = " ".join(JAVA_OPTIONS)
    binary.write_text(
        "#!/bin/sh\n"
        f'[ -e opt ] || ln -s "{folders.opt}" opt 2>/dev/null\n'
        f'exec "{java}/bin/java" {options} "-Djava.io.tmpdir={folders.tmp}" "$@"\n'
    )
    binary.chmod(0o755)
