"""The Java classes of YARN's daemons, archived once: they then start with a third less work.

Java checks that the archive fits its class path, and does without it where it does not
(https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html).
"""

import sys
import tempfile
from pathlib import Path

from rehearsal.emr.compute import ClusterSpec, ComputeError, Node
from rehearsal.machine.node_setup import ClusterFolders, NodeSetup
from rehearsal.machine.yarn import CLASS_ARCHIVE, Yarn
from rehearsal.rewriting import EmulatedAws
from spark_job.contract.errors import FruitError

SPEC = ClusterSpec("j-ARCHIVE", {}, None, runs_yarn=True)
# Java writes the archive while it ends.
WRITE_SECONDS = 120.0


def make_archive(home: Path) -> None:
    """Start a ResourceManager below `home`, and keep the classes that it loads. Raises ComputeError."""
    CLASS_ARCHIVE.unlink(missing_ok=True)
    unfinished = CLASS_ARCHIVE.with_suffix(".unfinished")
    folders = ClusterFolders(home / SPEC.cluster_id)
    yarn = Yarn(folders, labels=False)
    aws = EmulatedAws("http://127.0.0.1:9", "eu-west-3", "none", "none")
    primary = Node("i-primary", "MASTER")
    NodeSetup(SPEC, folders, aws, yarn.ports).prepare(primary)
    # Java's launcher reads this variable.
    yarn.start(primary, {"JDK_JAVA_OPTIONS": f"-XX:ArchiveClassesAtExit={unfinished}"})
    yarn.stop(WRITE_SECONDS)
    unfinished.replace(CLASS_ARCHIVE)


if __name__ == "__main__":
    try:
        with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
            make_archive(Path(folder))
    except (ComputeError, FruitError, OSError) as error:
        print(f"YARN will start a few seconds slower: {error}", file=sys.stderr)
