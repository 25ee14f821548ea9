"""Processes of a rehearsal: they carry its mark in their environment, and none of them outlives it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil

from infra.checkout import ROOT

MARK = "FRUIT_REHEARSAL"
OWNER = "FRUIT_REHEARSAL_OWNER"
SWEEP_SECONDS = 20.0
KILL_SECONDS = 5.0
# YARN may start a container while its siblings end.
QUIET_SECONDS = 1.0


def mark(home: Path, owner: str) -> dict[str, str]:
    """Return the variables by which the processes of an owner, such as `CLUSTER/INSTANCE`, are known.

    What they start inherits the variables.
    """
    return {MARK: str(home.resolve()), OWNER: owner}


def processes_of(home: Path, owner: str = "") -> Iterator[psutil.Process]:
    """Yield the processes of a rehearsal, or of an owner and owners below it; this one excepted."""
    wanted = str(home.resolve())
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended, or is another user's
            environment = process.environ()
            if process.pid == os.getpid() or environment.get(MARK) != wanted:
                continue
            if not owner or f"{environment.get(OWNER)}/".startswith(f"{owner}/"):
                yield process


def kill_all(processes: Iterator[psutil.Process]) -> int:
    """Kill processes, wait until they are gone, and return how many there were."""
    ending = list(processes)
    for process in ending:
        with suppress(psutil.NoSuchProcess):
            process.kill()

    def run() -> bool:
        # psutil's own waiting would take a child's exit code from whoever started it.
        for process in ending:
            with suppress(psutil.NoSuchProcess):
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    return True
        return False

    wait_until(lambda: not run(), KILL_SECONDS)
    return len(ending)


def wait_until(reached: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is reached, and return whether it was within so many seconds."""
    deadline = time.monotonic() + seconds
    while not (there := reached()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return there


def sweep(home: Path, owner: str = "") -> None:
    """Kill every process of a rehearsal, or of one owner in it, and those that they start meanwhile."""
    begun = quiet_since = time.monotonic()
    while time.monotonic() - begun < SWEEP_SECONDS:
        if kill_all(processes_of(home, owner)):
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > QUIET_SECONDS:
            return
        time.sleep(0.1)


def end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Let a child end by itself, and kill it when it does not within so many seconds; 0: kill it at once."""
    if seconds:
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def start(
    words: Sequence[str],
    output: IO[Any],
    folder: Path,
    environment: Mapping[str, str],
    *,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own: a Ctrl-C at the terminal is not for it, but for us."""
    return subprocess.Popen(
        words,
        stdin=stdin,
        stdout=output,
        stderr=output,
        cwd=folder,
        env=dict(environment),
        start_new_session=True,
    )


def short_folder(home: Path) -> Path:
    """Return a folder of this rehearsal and user alone, with a short path; the guardian removes it.

    A link in the home remembers it: a name that others can foretell could be theirs already.
    """
    link = home.resolve() / "short"
    if not (link.is_dir() and link.stat().st_uid == os.getuid()):
        link.unlink(missing_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.mkdtemp(prefix="fruit-", dir="/tmp")  # TMPDIR may be long
        try:
            link.symlink_to(made)
        except FileExistsError:  # another process was quicker
            Path(made).rmdir()
    return link.readlink()


def start_guardian(home: Path) -> subprocess.Popen[bytes]:
    """Start a process that sweeps when this one has ended, however it ends; keep what is returned alive.

    Closing its `stdin` makes it sweep at once.
    """
    environment = {name: value for name, value in os.environ.items() if name not in (MARK, OWNER)}
    return subprocess.Popen(
        [sys.executable, "-m", "rehearsal.processes", str(home.resolve())],
        stdin=subprocess.PIPE,
        cwd=ROOT,
        env=environment,
        start_new_session=True,  # a Ctrl-C in the terminal is not for it
    )


if __name__ == "__main__":
    watched = Path(sys.argv[1])
    short = short_folder(watched)  # now: the home may be gone when the rehearsal has ended
    sys.stdin.buffer.read()  # until the last holder of the other end has gone
    sweep(watched)
    shutil.rmtree(short, ignore_errors=True)
    (watched / "short").unlink(missing_ok=True)
