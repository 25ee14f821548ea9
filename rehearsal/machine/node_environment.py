"""What programs on a node find: environment variables, the PATH, and Java."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from rehearsal.machine.folders import NodeFolders
from rehearsal.machine.jars import SPARK_HOME
from rehearsal.processes import mark
from rehearsal.rewriting import EmulatedAws
from rehearsal.settings import LOOPBACK
from spark_job.contract.node import NODE_FOLDER

# What a program of this machine may inherit; anything else could lead it to another AWS or Spark.
KEPT = ("HOME", "LANG", "LC_ALL", "USER", "LOGNAME", "SSL_CERT_FILE")

# Programs live for seconds here: the quick compiler alone, nothing in /tmp, and no IPv6.
OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.net.preferIPv4Stack=true")


def write_java_home(folders: NodeFolders, java: Path) -> None:
    """Write a JAVA_HOME whose `java` links the working folder to the node's /opt, then runs the real one.

    YARN starts a container in a folder of its own: there `opt/…` is what this node's bootstrap made.
    """
    binary = folders.java / "bin" / "java"
    binary.parent.mkdir(parents=True, exist_ok=True)
    options = " ".join(OPTIONS)
    binary.write_text(
        "#!/bin/sh\n"
        f'[ -e opt ] || ln -s "{folders.opt}" opt 2>/dev/null\n'
        f'exec "{java}/bin/java" {options} "-Djava.io.tmpdir={folders.tmp}" "$@"\n'
    )
    binary.chmod(0o755)


def instance_environment(home: Path, owner: str, folders: NodeFolders, aws: EmulatedAws) -> dict[str, str]:
    """Return what every program of the node inherits, YARN's containers included."""
    path = [folders.java / "bin", SPARK_HOME / "bin", Path(sys.executable).parent]
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        **aws.credentials,
        **mark(home, owner),
        "PATH": os.pathsep.join([*map(str, path), os.environ.get("PATH", os.defpath)]),
        "TMPDIR": str(folders.tmp),
        "JAVA_HOME": str(folders.java),
        "SPARK_LOCAL_IP": LOOPBACK,
    }


def shell_environment(
    inherited: Mapping[str, str], folders: NodeFolders, aws: EmulatedAws, s3_jars: Path
) -> dict[str, str]:
    """Return what bootstrap actions and steps find: also the region, Hadoop's and Spark's configuration."""
    return {
        **inherited,
        "AWS_REGION": aws.region,
        "AWS_DEFAULT_REGION": aws.region,
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_CONF_DIR": str(folders.spark_conf),
        "HADOOP_CONF_DIR": str(folders.conf),
        "YARN_CONF_DIR": str(folders.conf),
        # spark-submit hands it on to driver and executors.
        "SPARK_DIST_CLASSPATH": f"{s3_jars}/*",
        "FRUIT_FEATURES_HOME": str(folders.opt / Path(NODE_FOLDER).name),
        "FRUIT_FEATURES_PYTHON": sys.executable,
    }
