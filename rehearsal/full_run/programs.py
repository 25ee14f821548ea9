"""Programs that a rehearsal starts and waits for; their output goes to a file, and they end with it."""

import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from infra.checkout import ROOT
from rehearsal.errors import RehearsalError
from rehearsal.processes import end

LAST_LINES = 8
POLL_SECONDS = 1.0
GRACE_SECONDS = 10.0
# Words by which CDK and CloudFormation say that something failed.
FAILURE_WORDS = ("_FAILED", "Error:", "failed:")


class Programs:
    """Starts programs, from several threads; `end` ends those that run and lets no other begin.

    Attributes:
        folder: Each program's output goes to `NAME.log` in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._ended = False

    def run(
        self,
        words: Sequence[str],
        name: str,
        *,
        folder: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Run a program to its end.

        Args:
            environment: Variables in the place of ours of the same names.
            meanwhile: called about once a second while it runs, and once after its end.

        Raises:
            RehearsalError: it failed; the message holds the lines that say why.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"{name}.log"
        with log.open("w") as output:
            with self._lock:
                if self._ended:
                    raise RehearsalError("the rehearsal ends: nothing is started any more")
                # A session of its own: Ctrl-C reaches this program alone, which then ends its children.
                child = subprocess.Popen(
                    words,
                    cwd=folder,
                    env={**os.environ, **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
                self._running.add(child)
            try:
                code = None
                while code is None:
                    with suppress(subprocess.TimeoutExpired):
                        code = child.wait(POLL_SECONDS)
                    meanwhile()
            finally:
                end(child, GRACE_SECONDS)
                self._running.discard(child)
        if code:
            why = failure_lines(log.read_text(errors="replace"))
            raise RehearsalError(f"{name} failed with exit code {code}\n{why}\nall it said: {log}")

    def end(self) -> None:
        with self._lock:
            self._ended = True
        for child in tuple(self._running):
            end(child, GRACE_SECONDS)


def failure_lines(text: str) -> str:
    """Return the lines of a log that speak of a failure, else its last ones; without repetitions."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    failures = [line for line in lines if any(word in line for word in FAILURE_WORDS)]
    return "\n".join(list(dict.fromkeys(failures or lines))[-LAST_LINES:])
