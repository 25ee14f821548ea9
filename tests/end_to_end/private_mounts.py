"""A rehearsal whose processes have mounts of their own, so that a node's disk can be small without root."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.checkout import ROOT
from rehearsal.commands.serve import interrupt_on_sigterm
from rehearsal.emulator.process import Server
from rehearsal.settings import Settings, free_port

UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")
START_SECONDS = 120.0
STOP_SECONDS = 120.0


@cache
def may_mount() -> bool:
    """Whether this machine lets a user have mounts of their own; many containers do not."""
    try:
        done = subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    except FileNotFoundError:
        return False
    return done.returncode == 0


@dataclass(frozen=True)
class Serving:
    """The rehearsal's AWS with a tester as a process, with mounts of its own where the machine allows it."""

    settings: Settings
    process: subprocess.Popen[bytes]

    @property
    def environment(self) -> dict[str, str]:
        """The deployer's."""
        return self.settings.client_environment()

    def mount_memory(self, folder: Path, mebibytes: int) -> None:
        """Put a file system of this size over a folder, with what the folder held."""
        script = 'cp -a "$1" "$1.copy" && mount -t tmpfs -o size="$2m" none "$1" && cp -a "$1.copy/." "$1"'
        self._inside("bash", "-c", script, "bash", str(folder), str(mebibytes))

    def fill(self, folder: Path) -> None:
        """Leave no byte free on the folder's file system."""
        self._inside("bash", "-c", 'cat /dev/zero > "$1/filler" 2>/dev/null; true', "bash", str(folder))

    def _inside(self, *command: str) -> None:
        enter = ["nsenter", f"--target={self.process.pid}", "--user", "--mount", "--preserve-credentials"]
        subprocess.run([*enter, *command], check=True, capture_output=True, timeout=60)


@contextmanager
def serving(folder: Path) -> Iterator[Serving]:
    """One up, until the end of the block."""
    settings = Settings(folder / "home", free_port())
    serve = [sys.executable, "-m", __name__, str(settings.home), str(settings.port)]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*(UNSHARE if may_mount() else ()), *serve], cwd=ROOT, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not settings.ready_file.exists():
            assert process.poll() is None, (folder / "serve.log").read_text()
            assert time.monotonic() < deadline, "the rehearsal does not answer"
            time.sleep(0.1)
        yield Serving(settings, process)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


if __name__ == "__main__":
    interrupt_on_sigterm()
    home, port = Path(sys.argv[1]), int(sys.argv[2])
    with suppress(KeyboardInterrupt), Server(home, port=port, emr="tests.end_to_end.stage:make") as server:
        server.process.wait()
        sys.exit(1)  # it ended before it was told to
