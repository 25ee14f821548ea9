"""Processes that a test started, found again whoever started them in turn."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

PROJECT = Path(__file__).resolve().parents[2]
TAG = "SPARK_JOB_TEST_TAG"


def start(
    words: Sequence[str | Path], variables: Mapping[str, str] | None = None, **options: Any
) -> tuple[subprocess.Popen, str]:
    """A Python process with this project on its path; and the tag that all below it inherit."""
    tag = uuid.uuid4().hex
    environment = {**os.environ, **(variables or {}), "PYTHONPATH": str(PROJECT), TAG: tag}
    started = subprocess.Popen(
        [sys.executable, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    return started, tag


def tagged(tag: str) -> list[psutil.Process]:
    """The processes that carry the tag and still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(TAG) == tag and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def left_behind(tag: str, seconds: float = 20) -> list[str]:
    """The command lines of what still runs after some patience; empty as soon as nothing does."""
    until = time.monotonic() + seconds
    while (running := tagged(tag)) and time.monotonic() < until:
        time.sleep(0.1)
    return [" ".join(process.cmdline())[:200] for process in running if process.is_running()]
