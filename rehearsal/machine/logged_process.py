"""A program of a node with the log files that EMR keeps of it: controller, stderr, stdout."""

import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from os import killpg
from pathlib import Path

# As EMR's command-runner.jar ends when there is no such command.
NOT_FOUND = 1
LAST_LINES = 10
# https://docs.aws.amazon.com/emr/latest/APIReference/API_FailureDetails.html
FATAL = 'Exception in thread "main" '


class Controller:
    """The log in which EMR tells what it did with a program."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path

    def say(self, text: str) -> None:
        """Add a line with the time."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(f"{now} INFO {text}\n")


class LoggedProcess:
    """A program that has been started, or could not be; its own process group."""

    def __init__(
        self, command: Sequence[str], *, logs: Path, folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._logs = logs
        self.controller = Controller(logs / "controller")
        self.controller.say(f"startExec '{shlex.join(command)}' in {folder}")
        self._process: subprocess.Popen[bytes] | None = None
        with (logs / "stdout").open("wb") as stdout, (logs / "stderr").open("wb") as stderr:
            try:
                self._process = subprocess.Popen(
                    [_on_path(command[0], environment), *command[1:]],
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

        Raises:
            subprocess.TimeoutExpired: it runs on after so many seconds.
        """
        code = NOT_FOUND if self._process is None else self._process.wait(seconds)
        return 128 - code if code < 0 else code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program and what it started; nothing when it has ended."""
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                killpg(self._process.pid, number)

    @property
    def stderr(self) -> str:
        """What the program has written to stderr so far."""
        return (self._logs / "stderr").read_text(errors="replace")

    @property
    def last_words(self) -> str:
        """The exception that ended a Java program, as EMR finds it in stderr, else its last lines."""
        lines = self.stderr.splitlines()
        fatal = [line for line in lines if line.startswith(FATAL)]
        return fatal[-1] if fatal else "\n".join(lines[-LAST_LINES:])


def _on_path(name: str, environment: Mapping[str, str]) -> str:
    """Return where the node's PATH has the command; Python would look at its own."""
    return shutil.which(name, path=environment["PATH"]) or name
