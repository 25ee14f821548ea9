"""AWS on this machine, as a child process that ends with its parent."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.checkout import ROOT
from rehearsal.emulator.server_environment import make_folders, server_environment
from rehearsal.errors import RehearsalError
from rehearsal.settings import DEFAULT_REGION, Settings, checked_port, free_port

# The release of MiniStack whose internals this package knows.
KNOWN_RELEASE = "1.5.33"
START_SECONDS = 60.0
# Clusters end their programs and put their logs away first.
STOP_SECONDS = 60.0
REAL_EMR = "rehearsal.clusters:elastic_map_reduce"


def check_release() -> None:
    """Refuse another release of MiniStack than the one that this package extends.

    Raises:
        RehearsalError: another release is installed, or none.
    """
    try:
        installed = version("ministack")
    except PackageNotFoundError as error:
        raise RehearsalError("the emulator is not installed: `make setup` installs it") from error
    if installed != KNOWN_RELEASE:
        raise RehearsalError(
            f"ministack {installed} is installed, the rehearsal extends {KNOWN_RELEASE}: `make setup` "
            "installs it; for another, run tests/rehearsal/emulator and change rehearsal/emulator/process.py"
        )


class Server:
    """The rehearsal's AWS; a context manager.

    Args:
        home: Its folder; two servers need two.
        port: Where it listens; None: any free one.
        emr: `MODULE:FUNCTION` that makes the EMR from the settings, in the server's process.
    """

    def __init__(
        self, home: Path, *, port: int | None = None, region: str = DEFAULT_REGION, emr: str = REAL_EMR
    ) -> None:
        check_release()
        chosen = free_port() if port is None else checked_port(port)
        self.settings = Settings(home.resolve(), chosen, region)
        self._emr = emr
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program needs in its environment to take this for AWS."""
        return self.settings.client_environment()

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        return self._running().pid

    def start(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            RehearsalError: it ended or did not answer; the message holds the last lines of its log.
        """
        make_folders(self.settings)
        self.settings.make_keys()
        self.settings.ready_file.unlink(missing_ok=True)
        with self.settings.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "rehearsal.emulator.gateway"),
                    *(str(self.settings.home), self._emr),
                ],
                cwd=ROOT,
                env=server_environment(self.settings),
                # Its end, which comes with ours, is what tells the server to stop.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # A Ctrl-C at the terminal is for us: the server is told to stop, in our order.
                start_new_session=True,
            )
        self._wait_until_ready()
        return self

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        return self._running().wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RehearsalError("the rehearsal's AWS is not running: start() it")
        return self._process

    def stop(self) -> None:
        """End it and its clusters; may be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        self.settings.ready_file.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.settings.ready_file.exists():
            if self._process is None or self._process.poll() is not None:
                raise RehearsalError(f"the emulator ended while it started: {self._last_words()}")
            if time.monotonic() > deadline:
                self.stop()
                raise RehearsalError(f"no answer after {START_SECONDS:.0f} s: {self._last_words()}")
            time.sleep(0.02)

    def _last_words(self) -> str:
        lines = self.settings.log.read_text(errors="replace").splitlines()
        return f"{' | '.join(lines[-5:])} (whole log: {self.settings.log})"
