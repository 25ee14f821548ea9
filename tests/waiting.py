"""Waiting for what a test needs, instead of for some seconds."""

import time
from collections.abc import Callable
from typing import Any

import psutil


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60.0, pause: float = 0.1) -> Any:
    """Return what the condition gives once that is true.

    Raises:
        AssertionError: it is not true in time; the message says `what` was waited for.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not after {seconds:.0f} s: {what}"
        time.sleep(pause)
    return found


def is_running(pid: int) -> bool:
    """Return whether there is such a process, and not only its exit code."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(*pids: int, seconds: float = 20.0) -> None:
    """Wait for the end of processes that somebody else has to end."""
    wait_until(lambda: not any(map(is_running, pids)), f"the end of {pids}", seconds)
