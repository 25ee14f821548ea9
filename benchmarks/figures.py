"""From runs to figures and their table: rates, ratios round by round, medians, and the targets."""

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.process import Run
from benchmarks.rounds import CONTENDERS, KINDS

COMPARISONS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
Measure = Callable[[Run], float | None]
SECONDS: Measure = operator.attrgetter("seconds")
Target = tuple[str, float]  # comparison and bound, as (">=", 0.9)
KEY = re.compile(r"\((\w)\)")  # of a contender, in a figure's name
STAGES = ("listing", "features", "reduction", "report")


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    unit: str
    values: list[float]  # one for each round
    target: Target | None = None  # None: for information
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
    """The runs of one contender that succeeded, by round, the smaller first; its last error besides."""

    def __init__(self, runs: Iterable[Run], contender: str) -> None:
        self.error = ""
        self._by_round: dict[int, list[Run]] = defaultdict(list)
        for run in sorted((run for run in runs if run.contender == contender), key=lambda run: run.size):
            if run.error is None:
                self._by_round[run.round].append(run)
            else:
                self.error = run.error

    def each(self, measure: Measure, which: int = -1) -> dict[int, float]:
        """Return round -> measure of its largest run; of its smallest, with `which` 0."""
        values = {number: measure(runs[which]) for number, runs in self._by_round.items()}
        return {number: value for number, value in values.items() if value is not None}

    def figure(
        self, name: str, unit: str, measure: Measure, target: Target | None = None, which: int = -1
    ) -> Figure:
        """Return a figure whose values are a measure of the largest run of each round, or of the smallest."""
        return Figure(name, unit, [*self.each(measure, which).values()], target, self.error)

    def lines(self) -> dict[int, tuple[float, float]]:
        """Return round -> seconds an image, and seconds of no image, by the line through N and 3N."""
        lines = {}
        for number, runs in self._by_round.items():
            if len(runs) == 2:
                small, large = runs
                slope = (large.seconds - small.seconds) / (large.size - small.size)
                lines[number] = slope, small.seconds - slope * small.size
        return lines

    def steady(self) -> dict[int, float]:
        """Return round -> images a second between N and 3N."""
        # On a busy machine, or with few images, the large run may take no longer: that is no rate.
        return {number: 1 / slope for number, (slope, _) in self.lines().items() if slope > 0}


def ratios(one: dict[int, float], other: dict[int, float]) -> list[float]:
    """Return one / other of every round that has both."""
    return [one[number] / other[number] for number in sorted(one.keys() & other.keys())]


def speed_figures(runs: list[Run]) -> list[Figure]:
    """Return the figures of (a) to (g), of those that were measured."""
    rounds = {key: Rounds(runs, key) for key in KINDS["drawn"].contenders}
    bare, job, distant = rounds["a"], rounds["b"], rounds["g"]
    steady = job.steady()
    fixed_seconds = [seconds for _, seconds in job.lines().values()]
    figures = [
        bare.figure("(a) bare engine, one process a core", "images/s", _rate),
        *_speed("b", job),
        Figure("(b) fixed cost: session start and the rest", "s", fixed_seconds, ("<=", 6)),
        Figure("(b) / (a)", "", ratios(steady, bare.each(_rate)), (">=", 0.90), bare.error),
        *_memory(job),
    ]
    for key, target in (("c", (">=", 4.0)), ("d", (">=", 0.95)), ("e", (">", 1.0))):
        figures += _beside(key, rounds[key], steady, target)
    share = ratios(distant.each(_rate), job.each(_rate))
    figures += [
        job.figure("(b) features stage, local files", "images/s", _rate),
        distant.figure("(g) features stage, S3 at 25 ms", "images/s", _rate),
        Figure("(g) / (b), features stage", "", share, (">=", 0.90), distant.error),
    ]
    return _of(runs, figures) + reduction_figures(runs)


def _beside(key: str, rounds: Rounds, steady: dict[int, float], target: Target | None = None) -> list[Figure]:
    ratio = Figure(f"(b) / ({key})", "", ratios(steady, rounds.steady()), target, rounds.error)
    return [*_speed(key, rounds), ratio]


def _of(runs: list[Run], figures: list[Figure]) -> list[Figure]:
    measured = {run.contender for run in runs}
    return [figure for figure in figures if set(KEY.findall(figure.name)) <= measured]


def phone_figures(runs: list[Run]) -> list[Figure]:
    """Return the figures of photographs as phones take them: (l), (b), (d) and (e)."""
    rounds = {key: Rounds(runs, key) for key in KINDS["phone"].contenders}
    job, limit = rounds["b"], rounds["l"]
    steps = sorted({step for run in runs for step in run.facts.get("core_milliseconds", ())})
    figures = [
        limit.figure(f"(l) {CONTENDERS['l']}", "images/s", _rate),
        *_speed("b", job),
        Figure("(b) / (l)", "", ratios(job.steady(), limit.each(_rate)), (">=", 0.85), limit.error),
        job.figure(
            "(b) features stage, each image",
            "core-ms",
            lambda run: 1000 * run.facts["cpu_utilization"] * run.facts["cores"] / _rate(run),
        ),
        *(limit.figure(f"(l) {step} alone", "core-ms", _fact("core_milliseconds", step)) for step in steps),
    ]
    for key in "de":
        figures += _beside(key, rounds[key], job.steady())
    return _of(runs, [*figures, *_memory(job)[:2]])


def file_figures(runs: list[Run]) -> list[Figure]:
    """Return the figures of (h): time and memory of N / 10 and of N files."""
    job = Rounds(runs, "h")
    figures = []
    for size, which in {"N / 10": 0, "N": -1}.items():
        listing = _fact("seconds_by_stage", "listing")
        figures += [
            job.figure(f"(h) {size}: all", "s", SECONDS, which=which),
            job.figure(f"(h) {size}: listing", "s", listing, which=which),
            job.figure(f"(h) {size}: features", "images/s", _rate, which=which),
        ]
    for part, name in {"driver": "driver's Python", "worker": "Python worker with its decoder"}.items():
        peak = _peak_of(part)
        growth = ratios(job.each(peak), job.each(peak, 0))
        figures += [
            job.figure(f"(h) N: peak of {name}", "MiB", peak),
            job.figure(f"(h) N / 10: peak of {name}", "MiB", peak, which=0),
            Figure(f"(h) {name}: peak at N / at N / 10", "", growth, ("<=", 1.1)),
        ]
    return figures


def reuse_figures(runs: list[Run]) -> list[Figure]:
    """Return the figures of runs that know most photographs from a previous run: (n), (o) and (k)."""
    rounds = {key: Rounds(runs, key) for key in KINDS["reuse"].contenders}
    whole: dict[str, Measure] = {
        "all": SECONDS,
        "processor time": operator.attrgetter("processor_seconds"),
    }
    stages = {stage: _fact("seconds_by_stage", stage) for stage in STAGES}
    figures = []
    for key, job in rounds.items():
        for name, measure in {**whole, **stages}.items():
            target = ("<=", 60.0) if (key, name) == ("o", "all") else None
            figures.append(job.figure(f"({key}) {CONTENDERS[key]}, {name}", "s", measure, target))
    for name, measure in whole.items():
        ratio = ratios(rounds["k"].each(measure), rounds["n"].each(measure))
        figures.append(Figure(f"(k) / (n), {name}", "", ratio, ("<=", 0.1)))
    return _of(runs, figures)


def _speed(key: str, rounds: Rounds) -> list[Figure]:
    name = f"({key}) {CONTENDERS[key]}"
    return [
        rounds.figure(f"{name}, cold, small run", "s", SECONDS, which=0),
        rounds.figure(f"{name}, cold, large run", "s", SECONDS),
        Figure(f"{name}, steady", "images/s", [*rounds.steady().values()], note=rounds.error),
    ]


def _rate(run: Run) -> float:
    return float(run.facts["images_per_second"])


def _memory(job: Rounds) -> list[Figure]:
    driver, gibibyte = _peak_of("driver"), 1024.0
    growth = ratios(job.each(driver), job.each(driver, 0))
    worker = "(b) peak of a Python worker with its decoder"
    return [
        job.figure(worker, "MiB", _peak_of("worker"), ("<", gibibyte)),
        job.figure("(b) peak of the driver's Python", "MiB", driver, ("<", gibibyte)),
        Figure("(b) driver's peak at 3N / at N", "", growth, ("<=", 1.05)),
        job.figure("(b) peak of the JVM (driver and executors)", "MiB", _peak_of("jvm")),
    ]


def _fact(group: str, name: str) -> Measure:
    return lambda run: run.facts[group][name]


def _peak_of(part: str) -> Measure:
    return lambda run: run.peak_mebibytes.get(part)


def reduction_figures(runs: list[Run]) -> list[Figure]:
    """Return the figures of (f) at each number of columns."""
    figures = []
    for columns in sorted({run.size for run in runs if run.contender.startswith("f ")}):
        of_size = [run for run in runs if run.size == columns]
        rounds = {name: Rounds(of_size, f"f {name}") for name in ("this_job", "mllib", "scikit_learn")}
        seconds = {
            name: of_name.each(lambda run: run.facts["fit_seconds"]) for name, of_name in rounds.items()
        }
        start, job, furthest = f"(f) {columns:,} columns", seconds["this_job"], _largest_differences(of_size)
        for name, values in seconds.items():
            figures.append(Figure(f"{start}, {name}", "s", [*values.values()], note=rounds[name].error))
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
