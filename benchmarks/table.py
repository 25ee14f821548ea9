"""The figures as a table that fits a terminal, and the machine they were measured on."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import Figure
from benchmarks.peers.assignment import core_count

PACKAGES = (
    *("pyspark", "openvino", "tensorflow", "keras", "daft", "ray"),
    *("scikit-learn", "numpy", "pyarrow", "pandas"),
)


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory, system and versions of this machine."""
    return {
        "processor": _processor(),
        "cores": core_count(),
        "memory_gib": round(psutil.virtual_memory().total / 1024**3, 1),
        "load_average_before": psutil.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
    }


def table(figures: list[Figure], machine: dict[str, Any]) -> str:
    """Return name, median, range over the rounds, target and verdict of each figure; the machine below."""
    rows = [("figure", "median", "rounds", "target", ""), *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for name, *numbers, verdict in rows:
        cells = [name.ljust(widths[0]), *(n.rjust(w) for n, w in zip(numbers, widths[1:], strict=True))]
        lines.append("  ".join([*cells, verdict]).rstrip())
    lines.insert(1, "-" * max(len(line) for line in lines))
    lines += [
        "",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"Python {machine['python']}",
        ", ".join(f"{name} {number}" for name, number in machine["versions"].items()),
    ]
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, str, str, str, str]:
    numbers = [_number(value) for value in sorted(figure.values)]
    median = "-" if figure.value is None else f"{_number(figure.value)} {figure.unit}".rstrip()
    spread = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else ""
    target = "" if figure.target is None else f"{figure.target[0]} {figure.target[1]:g}"
    return figure.name, median, spread, target, figure.verdict


def _number(value: float) -> str:
    if 0 < abs(value) < 0.001:
        return f"{value:.0e}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


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
