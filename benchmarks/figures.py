"""From runs to figures and their table: rates, ratios round by round, medians, and the targets."""

import operator
import platform
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.peers.assignment import core_count
from benchmarks.process import Run
from benchmarks.rounds import CONTENDERS, KINDS
from spark_job.provenance import installed_versions

COMPARISONS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
GIBIBYTE_IN_MEBIBYTES = 1024.0
Measure = Callable[[Run], float | None]
KEY = re.compile(r"\((\w)\)")  # of a contender, in a figure's name
PACKAGES = (
    *("pyspark", "openvino", "tensorflow", "keras", "daft", "ray"),
    *("scikit-learn", "numpy", "pyarrow", "pandas"),
)


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    unit: str
    values: list[float]  # one for each round
    target: tuple[str, float] | None = None  # comparison and bound, as (">=", 0.9); None: for information
    note: str = ""  # why there is no value

    @property
    def value(self) -> float | None:
        return median(self.values) if self.values else None

    @property
    def verdict(self) -> str:
        """`reached`, by how much it falls short, or nothing where there is no target."""
        if self.value is None:
            return self.note or "not measured"
        if self.target is None:
            return ""
        comparison, bound = self.target
        if COMPARISONS[comparison](self.value, bound):
            return "reached"
        missing = abs(self.value - bound)
        share = f" ({missing / bound:.0%})" if bound else ""
        return f"falls short by {missing:.3g}{share}"


class Rounds:
    """The runs of one contender that succeeded, by round; its last error besides."""

    def __init__(self, runs: Iterable[Run], contender: str) -> None:
        self.error = ""
        self._by_round: dict[int, list[Run]] = defaultdict(list)
        for run in sorted((run for run in runs if run.contender == contender), key=lambda run: run.size):
            if run.error is None:
                self._by_round[run.round].append(run)
            else:
                self.error = run.error

    def small(self, measure: Measure) -> dict[int, float]:
        """Return round -> measure of its run of N images."""
        return self.large(measure, 0)

    def large(self, measure: Measure, which: int = -1) -> dict[int, float]:
        """Return round -> measure of its run of 3N images."""
        values = {number: measure(runs[which]) for number, runs in self._by_round.items()}
        return {number: value for number, value in values.items() if value is not None}

    def steady(self) -> dict[int, float]:
        """Return round -> images a second between N and 3N."""
        # On a busy machine, or with few images, the large run may take no longer: that is no rate.
        return {number: 1 / slope for number, (slope, _) in self._lines().items() if slope > 0}

    def fixed_seconds(self) -> dict[int, float]:
        """Return round -> what a run of no images would take, by the line through N and 3N."""
        return {number: start for number, (_, start) in self._lines().items()}

    def _lines(self) -> dict[int, tuple[float, float]]:
        """Return round -> seconds an image, and seconds at no image."""
        lines = {}
        for number, runs in self._by_round.items():
            if len(runs) == 2:
                small, large = runs
                slope = (large.seconds - small.seconds) / (large.size - small.size)
                lines[number] = slope, small.seconds - slope * small.size
        return lines


def ratios(one: dict[int, float], other: dict[int, float]) -> list[float]:
    """Return one / other of every round that has both."""
    return [one[number] / other[number] for number in sorted(one.keys() & other.keys())]


def speed_figures(runs: list[Run]) -> list[Figure]:
    """Return the figures of (a) to (g), of those that were measured."""
    images = image_figures(runs) if any(run.contender in "abcdeg" for run in runs) else []
    return images + reduction_figures(runs)


def image_figures(runs: list[Run]) -> list[Figure]:
    """Return the figures of (a) to (e) and (g), of those that were measured."""
    rounds = {key: Rounds(runs, key) for key in KINDS["drawn"].contenders}
    errors = {key: runs_of_key.error for key, runs_of_key in rounds.items()}
    job = rounds["b"]
    steady = job.steady()
    limit = rounds["a"].large(_rate)
    figures = [
        Figure("(a) bare engine, one process a core", "images/s", [*limit.values()], note=errors["a"]),
        *_speed("b", job),
        Figure("(b) fixed cost: session start and the rest", "s", [*job.fixed_seconds().values()], ("<=", 6)),
        Figure("(b) / (a)", "", ratios(steady, limit), (">=", 0.90), errors["a"]),
        *_memory(job),
    ]
    for key, target in (("c", (">=", 4.0)), ("d", (">=", 0.95)), ("e", (">", 1.0))):
        ratio = ratios(steady, rounds[key].steady())
        figures += [*_speed(key, rounds[key]), Figure(f"(b) / ({key})", "", ratio, target, errors[key])]
    local, distant = job.large(_rate), rounds["g"].large(_rate)
    share = ratios(distant, local)
    figures += [
        Figure("(b) features stage, local files", "images/s", [*local.values()]),
        Figure("(g) features stage, S3 at 25 ms", "images/s", [*distant.values()], note=errors["g"]),
        Figure("(g) / (b), features stage", "", share, (">=", 0.90), errors["g"]),
    ]
    return _of(runs, figures)


def _of(runs: list[Run], figures: list[Figure]) -> list[Figure]:
    measured = {run.contender for run in runs}
    return [figure for figure in figures if set(KEY.findall(figure.name)) <= measured]


def phone_figures(runs: list[Run]) -> list[Figure]:
    """Return the figures of photographs as phones take them: (l), (b), (d) and (e)."""
    rounds = {key: Rounds(runs, key) for key in KINDS["phone"].contenders}
    limit, job = rounds["l"], rounds["b"]
    spent_by_job = job.large(
        lambda run: 1000 * run.facts["cpu_utilization"] * run.facts["cores"] / _rate(run)
    )
    steps = sorted({step for run in runs for step in run.facts.get("core_milliseconds", ())})
    figures = [
        Figure(f"(l) {CONTENDERS['l']}", "images/s", [*limit.large(_rate).values()], note=limit.error),
        *_speed("b", job),
        Figure("(b) / (l)", "", ratios(job.steady(), limit.large(_rate)), (">=", 0.85), limit.error),
        Figure("(b) features stage, each image", "core-ms", [*spent_by_job.values()]),
    ]
    for step in steps:
        spent = limit.large(lambda run, step=step: run.facts["core_milliseconds"][step])  # type: ignore[misc]
        figures.append(Figure(f"(l) {step} alone", "core-ms", [*spent.values()]))
    for key in "de":
        ratio = ratios(job.steady(), rounds[key].steady())
        figures += [*_speed(key, rounds[key]), Figure(f"(b) / ({key})", "", ratio, None, rounds[key].error)]
    return _of(runs, [*figures, *_memory(job)[:2]])


def file_figures(runs: list[Run]) -> list[Figure]:
    """Return the figures of (h): time and memory of N / 10 and of N files."""
    job = Rounds(runs, "h")
    figures = []
    for size, values in {"N / 10": job.small, "N": job.large}.items():
        start = f"(h) {size}: "
        listing = values(lambda run: run.facts["seconds_by_stage"]["listing"])
        figures += [
            Figure(f"{start}all", "s", [*values(operator.attrgetter("seconds")).values()], note=job.error),
            Figure(f"{start}listing", "s", [*listing.values()]),
            Figure(f"{start}features", "images/s", [*values(_rate).values()]),
        ]
    for part, name in {"driver": "driver's Python", "worker": "Python worker with its decoder"}.items():
        peaks = {size: values(_peak_of(part)) for size, values in (("N", job.large), ("N / 10", job.small))}
        figures += [Figure(f"(h) {size}: peak of {name}", "MiB", [*peaks[size].values()]) for size in peaks]
        growth = ratios(peaks["N"], peaks["N / 10"])
        figures.append(Figure(f"(h) {name}: peak at N / at N / 10", "", growth, ("<=", 1.1)))
    return figures


def reuse_figures(runs: list[Run]) -> list[Figure]:
    """Return the figures of runs that know most photographs from a previous run: (n), (o) and (k)."""
    rounds = {key: Rounds(runs, key) for key in KINDS["reuse"].contenders}
    measures: dict[str, Measure] = {
        "all": operator.attrgetter("seconds"),
        "processor time": operator.attrgetter("processor_seconds"),
    }
    figures = []
    for key, job in rounds.items():
        for name, measure in measures.items():
            target = ("<=", 60.0) if (key, name) == ("o", "all") else None
            values = [*job.large(measure).values()]
            figures.append(Figure(f"({key}) {CONTENDERS[key]}, {name}", "s", values, target, job.error))
        for stage in ("listing", "features", "reduction", "report"):
            seconds = job.large(lambda run, stage=stage: run.facts["seconds_by_stage"][stage])  # type: ignore[misc]
            figures.append(Figure(f"({key}) {CONTENDERS[key]}, {stage}", "s", [*seconds.values()]))
    for name, measure in measures.items():
        ratio = ratios(rounds["k"].large(measure), rounds["n"].large(measure))
        figures.append(Figure(f"(k) / (n), {name}", "", ratio, ("<=", 0.1)))
    return _of(runs, figures)


def _speed(key: str, rounds: Rounds) -> list[Figure]:
    name, seconds = f"({key}) {CONTENDERS[key]}", operator.attrgetter("seconds")
    times = {"cold, small run": rounds.small(seconds), "cold, large run": rounds.large(seconds)}
    figures = [
        Figure(f"{name}, {what}", "s", [*one.values()], note=rounds.error) for what, one in times.items()
    ]
    return [*figures, Figure(f"{name}, steady", "images/s", [*rounds.steady().values()], note=rounds.error)]


def _rate(run: Run) -> float:
    return float(run.facts["images_per_second"])


def _memory(job: Rounds) -> list[Figure]:
    worker, driver, jvm = (job.large(_peak_of(part)) for part in ("worker", "driver", "jvm"))
    growth = ratios(driver, job.small(_peak_of("driver")))
    limit = ("<", GIBIBYTE_IN_MEBIBYTES)
    return [
        Figure("(b) peak of a Python worker with its decoder", "MiB", [*worker.values()], limit),
        Figure("(b) peak of the driver's Python", "MiB", [*driver.values()], limit),
        Figure("(b) driver's peak at 3N / at N", "", growth, ("<=", 1.05)),
        Figure("(b) peak of the JVM (driver and executors)", "MiB", [*jvm.values()]),
    ]


def _peak_of(part: str) -> Measure:
    return lambda run: run.peak_mebibytes.get(part)


def reduction_figures(runs: list[Run]) -> list[Figure]:
    """Return the figures of (f) at each number of columns."""
    figures = []
    for columns in sorted({run.size for run in runs if run.contender.startswith("f ")}):
        of_size = [run for run in runs if run.size == columns]
        rounds = {name: Rounds(of_size, f"f {name}") for name in ("this_job", "mllib", "scikit_learn")}
        seconds = {name: each.large(lambda run: run.facts["fit_seconds"]) for name, each in rounds.items()}
        start, job, furthest = f"(f) {columns:,} columns", seconds["this_job"], _largest_differences(of_size)
        for name, each in rounds.items():
            figures.append(Figure(f"{start}, {name}", "s", [*seconds[name].values()], note=each.error))
        figures += [
            Figure(f"{start}, MLlib / this job", "times", ratios(seconds["mllib"], job), (">=", 6.0)),
            Figure(f"{start}, scikit-learn / this job", "times", ratios(seconds["scikit_learn"], job)),
            Figure(f"{start}, explained variance, largest difference", "", furthest, ("<=", 1e-6)),
        ]
    return figures


def _largest_differences(runs: list[Run]) -> list[float]:
    """Return how far this job's explained variance ratios are from MLlib's, at most, in each round."""
    shares = {
        (run.contender, run.round): run.facts["explained_variance_ratio"] for run in runs if not run.error
    }
    return [
        max(abs(a - b) for a, b in zip(own, shares["f mllib", number], strict=True))
        for (name, number), own in sorted(shares.items())
        if name == "f this_job" and ("f mllib", number) in shares
    ]


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory, system and versions of this machine."""
    installed = installed_versions(PACKAGES)
    return {
        "processor": _processor(),
        "cores": core_count(),
        "memory_gib": round(psutil.virtual_memory().total / 1024**3, 1),
        "load_average_before": psutil.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: installed.get(package, "not installed") for package in PACKAGES},
    }


def table(figures: list[Figure], machine: dict[str, Any]) -> str:
    """Return name, median, range over the rounds, target and verdict of each figure; the machine below."""
    rows = [("figure", "median", "rounds", "target", ""), *(_row(figure) for figure in figures)]
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    shape = "  ".join([f"{{:<{first}}}", *(f"{{:>{width}}}" for width in others[:3]), "{}"])
    lines = [shape.format(*row).rstrip() for row in rows]
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
    text = information.read_text(encoding="utf-8") if information.is_file() else ""
    found = re.search(r"^model name\s*:\s*(.+)", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()
