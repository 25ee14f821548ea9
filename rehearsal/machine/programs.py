"""A program on a node: its files and command, the logs that EMR keeps of it; a step with its application."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from infra.contract.aws_clients import S3Client
from rehearsal.emr.compute import ComputeError, Program
from rehearsal.machine.jars import SPARK_HOME
from rehearsal.machine.yarn import ResourceManager
from rehearsal.processes import wait_until
from rehearsal.rewriting import SCHEMES

COMMAND_RUNNER, SCRIPT_RUNNER = "command-runner.jar", "script-runner.jar"
# As EMR's command-runner.jar ends when there is no such command.
NOT_FOUND = 1
LAST_LINES = 10
# https://docs.aws.amazon.com/emr/latest/APIReference/API_FailureDetails.html
FATAL = 'Exception in thread "main" '
# EMR brings logs every 5 minutes; nobody waits that long here.
PUSH_SECONDS = 15.0
# The driver's container ends a moment after the application.
CONTAINERS_SECONDS = 10.0
CANCEL_SECONDS = 20.0
# Spark says the first before it asks YARN, YARN's client the second a moment after YARN has the application:
# a step that is cancelled in that moment has one.
SUBMITTED = re.compile(r"Submitt(?:ing|ed) application (application_\d+_\d+)")


def note(logs: Path, text: str) -> None:
    """Add a line with the time to the log in which EMR tells what it did with a program."""
    logs.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    with (logs / "controller").open("a", encoding="utf-8") as stream:
        stream.write(f"{now} INFO {text}\n")


class LoggedProcess:
    """A program that has been started, or could not be; its own process group."""

    def __init__(
        self, command: Sequence[str], *, logs: Path, folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.logs = logs
        note(logs, f"startExec '{shlex.join(command)}' in {folder}")
        self._process: subprocess.Popen[bytes] | None = None
        with (logs / "stdout").open("wb") as stdout, (logs / "stderr").open("wb") as stderr:
            try:
                # By the node's PATH; Python would look at its own.
                found = shutil.which(command[0], path=environment["PATH"]) or command[0]
                self._process = subprocess.Popen(
                    [found, *command[1:]],
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    cwd=folder,
                    env=dict(environment),
                    start_new_session=True,
                )
            except OSError as error:
                # In the words of EMR's command-runner.jar.
                words = f'Cannot run program "{command[0]}" (in directory "."): {error.strerror}'
                stderr.write(f'Exception in thread "main" java.io.IOException: {words}\n'.encode())

    def wait(self, seconds: float | None = None) -> int:
        """Return the exit code; of a signal 128 and its number, as shells say it.

        Raises subprocess.TimeoutExpired: it runs on after so many seconds.
        """
        code = NOT_FOUND if self._process is None else self._process.wait(seconds)
        return 128 - code if code < 0 else code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program and what it started; nothing when it has ended."""
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    @property
    def stderr(self) -> str:
        return (self.logs / "stderr").read_text(errors="replace")

    @property
    def last_words(self) -> str:
        """The exception that ended a Java program, as EMR finds it in stderr, else its last lines."""
        lines = self.stderr.splitlines()
        fatal = [line for line in lines if line.startswith(FATAL)]
        return fatal[-1] if fatal else "\n".join(lines[-LAST_LINES:])


@dataclass
class RunningStep:
    """A step under way, as `Compute.run` returns it."""

    process: LoggedProcess
    manager: ResourceManager | None  # the cluster's ResourceManager; None: it runs no YARN
    has_containers: Callable[[str], bool]  # returns whether processes of an application's containers run
    push_logs: Callable[[], None]
    _begun: float = field(default_factory=time.monotonic)
    _ending: Lock = field(default_factory=Lock)
    _code: int | None = None

    def wait(self) -> int:
        """Return the exit code when the step has ended, and its logs and its containers' are in S3."""
        with self._ending:
            while self._code is None:
                try:
                    code = self.process.wait(PUSH_SECONDS)
                except subprocess.TimeoutExpired:
                    self.push_logs()
                    continue
                wait_until(
                    lambda: not any(map(self.has_containers, self._applications())), CONTAINERS_SECONDS
                )
                took = time.monotonic() - self._begun
                outcome = "succeeded" if code == 0 else "failed"
                note(self.process.logs, f"Step {outcome} with exitCode {code} and took {took:.0f} seconds")
                self.push_logs()
                self._code = code
        return self._code

    def cancel(self, *, force: bool) -> None:
        note(self.process.logs, "cancelled: " + ("SIGKILL" if force else "SIGTERM"))
        self.process.signal(signal.SIGKILL if force else signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(CANCEL_SECONDS)
        if self.manager is None:
            return
        for application in self._applications():
            try:
                self.manager.kill_application(application)
            except ComputeError as error:
                note(self.process.logs, f"{application} was not killed: {error}")

    @property
    def last_words(self) -> str:
        return self.process.last_words

    def _applications(self) -> list[str]:
        return sorted(set(SUBMITTED.findall(self.process.stderr)))


def fetch(s3: S3Client, uri: str, folder: Path) -> Path:
    """Copy a file of S3 or of this machine into a folder. Raises ComputeError: it cannot be had."""
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
    """Return the command of a step with these arguments; files are fetched into the folder.

    Raises ComputeError: its jar or script cannot be had, or it names no command.
    """
    runner = Path(urlsplit(program.jar).path).name
    if runner not in (COMMAND_RUNNER, SCRIPT_RUNNER):  # then as `hadoop jar` does it
        jar = str(fetch(s3, program.jar, folder))
        classpath = os.pathsep.join([str(conf), f"{SPARK_HOME}/jars/*"])
        properties = [f"-D{key}={value}" for key, value in (program.properties or {}).items()]
        main = [program.main_class] if program.main_class else []
        return [
            "java",
            *properties,
            "-cp",
            classpath,
            "org.apache.hadoop.util.RunJar",
            jar,
            *main,
            *arguments,
        ]
    if not arguments:
        raise ComputeError(f"{runner} was given nothing to run")
    if runner == COMMAND_RUNNER:
        return list(arguments)
    return script_command(fetch(s3, arguments[0], folder), arguments[1:])
