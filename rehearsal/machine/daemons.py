"""Hadoop's daemons as processes of this machine."""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.checkout import ROOT
from rehearsal.emr.compute import ComputeError
from rehearsal.machine.folders import NodeFolders
from rehearsal.machine.jars import JARS, SPARK_HOME, require_jars
from rehearsal.processes import end
from rehearsal.settings import require_plain
from spark_job.contract.java import find_java_home

RESOURCE_MANAGER = "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager"
NODE_MANAGER = "org.apache.hadoop.yarn.server.nodemanager.NodeManager"
ADMINISTRATION = "org.apache.hadoop.yarn.client.cli.RMAdminCLI"
START_SECONDS = 120.0
STOP_SECONDS = 10.0
LAST_LINES = 12
CLASS_ARCHIVE = JARS / "daemons.jsa"
OPTIONS = (
    "-Xmx300m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.net.preferIPv4Stack=true",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    f"-Dlog4j2.configurationFile={Path(__file__).with_name('daemons.log4j2.properties')}",
)


@dataclass(frozen=True)
class Software:
    """What daemons are started from."""

    java: Path
    yarn_jars: Path
    s3_jars: Path


def installed_software() -> Software:
    """Return this machine's Java, and the jars that were fetched.

    Raises:
        JarsError: the jars have not been fetched.
        FruitError: there is no Java 17, or the project's folder cannot be used.
    """
    require_plain(ROOT)
    jars = require_jars()
    return Software(Path(find_java_home()), jars / "yarn", jars / "s3")


@dataclass(frozen=True)
class Daemon:
    """One running ResourceManager or NodeManager."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until the daemon is of use.

        Raises:
            ComputeError: it ended, or took too long; the message holds the last lines of its log.
        """
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
                raise ComputeError(f"{what} did not come up; its log ends with:\n" + "\n".join(lines))
            time.sleep(0.1)

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self.process.poll() is None

    def stop(self, seconds: float = 0.0) -> None:
        """Let the daemon end by itself, and kill it when it does not within so many seconds."""
        end(self.process, seconds)


def java_command(main: str, software: Software, conf: Path) -> list[str]:
    """Return the command of one of Hadoop's own programs."""
    # What varies comes last: the archive of classes fits whatever begins as its own class path.
    classpath = [*sorted(software.yarn_jars.glob("*.jar")), SPARK_HOME / "jars" / "*", conf]
    temporary = f"-Djava.io.tmpdir={NodeFolders(conf.parent).tmp}"
    joined = os.pathsep.join(map(str, classpath))
    archive = [f"-XX:SharedArchiveFile={CLASS_ARCHIVE}"] if CLASS_ARCHIVE.is_file() else []
    return [str(software.java / "bin" / "java"), *OPTIONS, *archive, temporary, "-cp", joined, main]
