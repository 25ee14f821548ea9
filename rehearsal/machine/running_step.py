"""A step that runs: its process, the YARN application that it starts, and its logs."""

import re
import signal
import subprocess
import time
from collections.abc import Callable
from threading import Lock

from rehearsal.emr.compute import ComputeError
from rehearsal.machine.logged_process import LoggedProcess
from rehearsal.machine.resource_manager import ResourceManager

# EMR brings logs every 5 minutes; nobody waits that long here.
PUSH_SECONDS = 15.0
# The driver's container ends a moment after the application.
CONTAINERS_SECONDS = 10.0
CANCEL_SECONDS = 20.0
SUBMITTED = re.compile(r"Submitted application (application_\d+_\d+)")


class RunningStep:
    """A step under way, as `Compute.run` returns it."""

    def __init__(
        self,
        process: LoggedProcess,
        *,
        manager: ResourceManager | None,
        has_containers: Callable[[str], bool],
        push_logs: Callable[[], None],
    ) -> None:
        self._process = process
        self._manager = manager
        self._has_containers = has_containers
        self._push_logs = push_logs
        self._begun = time.monotonic()
        self._ending = Lock()
        self._code: int | None = None

    def wait(self) -> int:
        """Return the exit code when the step has ended, and its logs and its containers' are in S3."""
        with self._ending:
            if self._code is None:
                self._code = self._run_to_its_end()
        return self._code

    def cancel(self, *, force: bool) -> None:
        """End the YARN application and the process: by SIGTERM, or SIGKILL with `force`."""
        self._process.controller.say("cancelled: " + ("SIGKILL" if force else "SIGTERM"))
        self._process.signal(signal.SIGKILL if force else signal.SIGTERM)
        deadline = time.monotonic() + CANCEL_SECONDS
        while time.monotonic() < deadline:
            try:
                self._process.wait(0.2)
                break
            except subprocess.TimeoutExpired:
                continue
        self._kill_applications()

    @property
    def last_words(self) -> str:
        """The exception that ended it, else the last lines of its stderr."""
        return self._process.last_words

    def _run_to_its_end(self) -> int:
        while True:
            try:
                code = self._process.wait(PUSH_SECONDS)
                break
            except subprocess.TimeoutExpired:
                self._push_logs()
        self._wait_for_containers()
        took = time.monotonic() - self._begun
        outcome = "succeeded" if code == 0 else "failed"
        self._process.controller.say(f"Step {outcome} with exitCode {code} and took {took:.0f} seconds")
        self._push_logs()
        return code

    def _applications(self) -> list[str]:
        return SUBMITTED.findall(self._process.stderr) if self._manager else []

    def _kill_applications(self) -> None:
        for application in self._applications():
            assert self._manager is not None
            try:
                self._manager.kill_application(application)
            except ComputeError as error:
                self._process.controller.say(f"{application} was not killed: {error}")

    def _wait_for_containers(self) -> None:
        deadline = time.monotonic() + CONTAINERS_SECONDS
        while time.monotonic() < deadline and any(map(self._has_containers, self._applications())):
            time.sleep(0.1)
