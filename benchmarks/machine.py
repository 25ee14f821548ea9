"""On what a measurement was made."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.contender import core_count

PACKAGES = (
    "pyspark",
    "openvino",
    "tensorflow",
    "keras",
    "daft",
    "ray",
    "scikit-learn",
    "numpy",
    "pyarrow",
    "pandas",
)


def machine() -> dict[str, Any]:
    """Processor, cores, memory, system and versions."""
    return {
        "processor": _processor(),
        "cores": core_count(),
        "memory_gib": round(psutil.virtual_memory().total / 1024**3, 1),
        "load_average_before": psutil.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
