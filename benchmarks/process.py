"""One contender in a process of its own: wall time from start to end, peak memory of its parts."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from infra.checkout import ROOT

SAMPLE_SECONDS = 0.5
TIMEOUT_SECONDS = 3_600  # a million files
MEBIBYTE = 1024 * 1024
SPARK_PYTHON = {"spark_job.python_daemon", "pyspark.daemon", "pyspark.worker"}

# Nothing of a measurement leaves this machine: the peers report their use by default.
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "PYSPARK_PYTHON": sys.executable,
    "SPARK_LOCAL_IP": "127.0.0.1",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Its switch, on every system, for "one machine only": it then listens on 127.0.0.1, which it
    # otherwise replaces by an address that other machines reach.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "DAFT_ANALYTICS_ENABLED": "0",
    "DAFT_PROGRESS_BAR": "0",
    "SCARF_NO_ANALYTICS": "true",
    "DO_NOT_TRACK": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "KERAS_BACKEND": "tensorflow",
    "CUDA_VISIBLE_DEVICES": "-1",
}


@dataclass(frozen=True)
class Run:
    """One measured run; `error` says why there is no result."""

    contender: str
    round: int
    size: int  # images, or columns of a reduction
    seconds: float
    processor_seconds: float = 0.0  # of all its processes
    peak_mebibytes: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


def measured_run(
    contender: str,
    number: int,
    size: int,
    module: str,
    arguments: list[str],
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Run a Python module until it ends; a failure is a run too, with the last words of its stderr."""
    with tempfile.TemporaryFile() as log:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        peaks: dict[str, int] = {}
        used: dict[int, float] = {}
        try:
            while process.poll() is None and time.monotonic() - started < TIMEOUT_SECONDS:
                for part, now in _sample(process.pid, used).items():
                    peaks[part] = max(now, peaks.get(part, 0))
                with suppress(subprocess.TimeoutExpired):
                    process.wait(SAMPLE_SECONDS)
            seconds = time.monotonic() - started
        finally:  # what it left behind must not slow the next one
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
        log.seek(0)
        lines = log.read().decode(errors="replace").strip().splitlines()
    error = None if code == 0 else f"exit code {code}: {' | '.join(lines[-3:])[:500]}"
    peak_mebibytes = {part: peak / MEBIBYTE for part, peak in peaks.items()}
    return Run(contender, number, size, seconds, sum(used.values()), peak_mebibytes, error=error)


def _sample(pid: int, used: dict[int, float]) -> dict[str, int]:
    """Return the resident bytes of a process tree now, and note what each process has used so far.

    Args:
        used: Processor seconds by process, brought up to date; Spark's daemon waits for none of its workers.

    Returns:
        `driver` (the process itself), `jvm`, `worker` (the largest Spark Python worker together with the
        decoder below it; memory they share counts twice) and `all`; a part that is not there is absent.
    """
    sizes: dict[int, int] = {}
    children: dict[int, list[int]] = defaultdict(list)
    spark, jvm = set(), 0
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.Error:
        return {}
    for process in tree:
        try:
            with process.oneshot():
                size, words, parent = process.memory_info().rss, process.cmdline(), process.ppid()
                used[process.pid] = sum(process.cpu_times()[:2])
        except psutil.Error:
            continue
        sizes[process.pid] = size
        children[parent].append(process.pid)
        if SPARK_PYTHON & set(words):
            spark.add(process.pid)
        elif words and Path(words[0]).name == "java":
            jvm += size

    def with_descendants(top: int) -> int:
        return sizes[top] + sum(map(with_descendants, children[top]))

    # Spark forks its workers from its daemon: a worker is what has a Spark process above it.
    workers = [with_descendants(child) for daemon in spark for child in children[daemon] if child in spark]
    parts = {"driver": sizes.get(pid, 0), "jvm": jvm, "worker": max(workers, default=0)}
    return {"all": sum(sizes.values()), **{part: size for part, size in parts.items() if size}}
