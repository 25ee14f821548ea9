"""What a step or a bootstrap action really starts: its files fetched, its command as a list."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.emr.compute import ComputeError, Program
from rehearsal.machine.jars import SPARK_HOME
from rehearsal.rewriting import SCHEMES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COMMAND_RUNNER = "command-runner.jar"
SCRIPT_RUNNER = "script-runner.jar"


def fetch(s3: S3Client, uri: str, folder: Path) -> Path:
    """Copy a file of S3 or of this machine into a folder.

    Raises:
        ComputeError: it is not there, or may not be read.
    """
    parts = urlsplit(uri)
    target = folder / Path(parts.path).name
    try:
        if parts.scheme in SCHEMES:
            s3.download_file(parts.netloc, uri.split("://", 1)[1].partition("/")[2], str(target))
        else:
            shutil.copyfile(unquote(parts.path) if parts.scheme == "file" else uri, target)
    except (BotoCoreError, ClientError, OSError) as error:
        raise ComputeError(f"Unable to fetch {uri}: {error}") from error
    return target


def script_command(script: Path, arguments: Sequence[str]) -> list[str]:
    """Return the command that runs a script by the program that its first line names, or by bash.

    The system refuses to execute a file while a process has it open for writing ("Text file busy"): a process
    that another thread forks while the script is being written is such a one, for a moment. To be read, the
    file may be open.
    """
    with script.open("rb") as lines:
        first = lines.readline().decode(errors="replace")
    interpreter = first[2:].split(maxsplit=1) if first.startswith("#!") else ["bash"]
    return [*(word.strip() for word in interpreter), str(script), *arguments]


def step_command(
    program: Program, arguments: Sequence[str], *, s3: S3Client, folder: Path, conf: Path
) -> list[str]:
    """Return the command of a step.

    Args:
        arguments: The program's, as they were rewritten.
        folder: Where files are fetched to.

    Raises:
        ComputeError: its jar or script cannot be had, or it names no command.
    """
    runner = Path(urlsplit(program.jar).path).name
    if runner not in (COMMAND_RUNNER, SCRIPT_RUNNER):
        return _jar_command(program, arguments, fetch(s3, program.jar, folder), conf)
    if not arguments:
        raise ComputeError(f"{runner} was given nothing to run")
    if runner == COMMAND_RUNNER:
        return list(arguments)
    return script_command(fetch(s3, arguments[0], folder), arguments[1:])


def _jar_command(program: Program, arguments: Sequence[str], jar: Path, conf: Path) -> list[str]:
    """Return a command that does what `hadoop jar` does."""
    classpath = os.pathsep.join([str(conf), f"{SPARK_HOME}/jars/*"])
    properties = [f"-D{key}={value}" for key, value in (program.properties or {}).items()]
    main = [program.main_class] if program.main_class else []
    return [
        *("java", *properties, "-cp", classpath, "org.apache.hadoop.util.RunJar"),
        *(str(jar), *main, *arguments),
    ]
