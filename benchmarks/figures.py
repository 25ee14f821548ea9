"""From runs to figures: rates, ratios round by round, their medians, and whether the targets are reached."""

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median

from benchmarks.measure import Run
from benchmarks.plan import CONTENDERS

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
GIBIBYTE_IN_MEBIBYTES = 1024
KEY = re.compile(r"\((\w)\)")  # of a contender, in a figure's name


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        values: one for each round.
        target: comparison and bound, as (">=", 0.9); None: for information.
        note: why there is no value.
    """

    name: str
    unit: str
    values: list[float]
    target: tuple[str, float] | None = None
    note: str = ""
    value: float | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", median(self.values) if self.values else None)

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
    """The good runs of a contender, by round and size."""

    def __init__(self, runs: Iterable[Run], contender: str) -> None:
        self._runs: dict[int, dict[int, Run]] = {}
        self.error = ""
        for run in runs:
            if run.contender == contender and run.error is None:
                self._runs.setdefault(run.round, {})[run.size] = run
            elif run.contender == contender:
                self.error = run.error or ""

    def each(self, size: str, measure: Callable[[Run], float | None]) -> dict[int, float]:
        """Round -> measure of its `small` or `large` run."""
        choose = min if size == "small" else max
        values = {number: measure(sizes[choose(sizes)]) for number, sizes in self._runs.items()}
        return {number: value for number, value in values.items() if value is not None}

    def both(self, measure: Callable[[Run, Run], float]) -> dict[int, float]:
        """Round -> measure of its small and its large run."""
        pairs = {n: (s[min(s)], s[max(s)]) for n, s in self._runs.items() if len(s) == 2}
        return {number: measure(*pair) for number, pair in pairs.items()}

    def steady(self) -> dict[int, float]:
        """Round -> images a second between N and 3N."""
        more = self.both(lambda small, large: (large.seconds - small.seconds) / (large.size - small.size))
        # On a busy machine, or with few images, the large run may take no longer: that is no rate.
        return {number: 1 / seconds for number, seconds in more.items() if seconds > 0}

    def fixed_seconds(self) -> dict[int, float]:
        """Round -> what a run of no images would take, by the line through N and 3N."""

        def intercept(small: Run, large: Run) -> float:
            per_image = (large.seconds - small.seconds) / (large.size - small.size)
            return small.seconds - per_image * small.size

        return self.both(intercept)


def ratios(one: dict[int, float], other: dict[int, float]) -> list[float]:
    """one / other of every round that has both."""
    return [one[number] / other[number] for number in sorted(one.keys() & other.keys())]


def image_figures(runs: list[Run]) -> list[Figure]:
    """(a) to (e) and (g), of those that were asked for."""
    asked = {run.contender for run in runs}
    rounds = {key: Rounds(runs, key) for key in CONTENDERS}
    errors = {key: found.error for key, found in rounds.items()}
    job = rounds["b"]
    steady = job.steady()
    limit = rounds["a"].each("large", lambda run: run.facts["images_per_second"])
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
    figures += _s3_figures(job, rounds["g"])
    return [figure for figure in figures if set(KEY.findall(figure.name)) <= asked]


def _speed(key: str, rounds: Rounds) -> list[Figure]:
    steady, name = rounds.steady(), f"({key}) {CONTENDERS[key]}"
    return [
        Figure(f"{name}, cold, {size} run", "s", [*rounds.each(size, _seconds).values()], note=rounds.error)
        for size in ("small", "large")
    ] + [Figure(f"{name}, steady", "images/s", [*steady.values()], note=rounds.error)]


def _seconds(run: Run) -> float:
    return run.seconds


def _memory(job: Rounds) -> list[Figure]:
    large = {part: job.each("large", _peak_of(part)) for part in ("worker", "driver", "jvm")}
    growth = ratios(large["driver"], job.each("small", _peak_of("driver")))
    limit = ("<", float(GIBIBYTE_IN_MEBIBYTES))
    return [
        Figure("(b) peak of a Python worker with its decoder", "MiB", [*large["worker"].values()], limit),
        Figure("(b) peak of the driver's Python", "MiB", [*large["driver"].values()], limit),
        Figure("(b) driver's peak at 3N / at N", "", growth, ("<=", 1.05)),
        Figure("(b) peak of the JVM (driver and executors)", "MiB", [*large["jvm"].values()]),
    ]


def _peak_of(part: str) -> Callable[[Run], float | None]:
    return lambda run: run.peak_mebibytes.get(part)


def _s3_figures(job: Rounds, remote: Rounds) -> list[Figure]:
    def rate(run: Run) -> float:
        return float(run.facts["images_per_second"])

    local, distant = job.each("large", rate), remote.each("large", rate)
    return [
        Figure("(b) features stage, local files", "images/s", [*local.values()]),
        Figure("(g) features stage, S3 at 25 ms", "images/s", [*distant.values()], note=remote.error),
        Figure("(g) / (b), features stage", "", ratios(distant, local), (">=", 0.90), remote.error),
    ]


def reduction_figures(runs: list[Run]) -> list[Figure]:
    """(f) at each number of columns."""
    figures = []
    for columns in sorted({run.size for run in runs if run.contender.startswith("f ")}):
        of_size = [run for run in runs if run.size == columns]
        rounds = {name: Rounds(of_size, f"f {name}") for name in ("this_job", "mllib", "scikit_learn")}
        seconds = {name: r.each("large", lambda run: run.facts["fit_seconds"]) for name, r in rounds.items()}
        start = f"(f) {columns:,} columns"
        figures += [
            Figure(f"{start}, {name}", "s", [*seconds[name].values()], note=rounds[name].error)
            for name in rounds
        ]
        job = seconds["this_job"]
        difference = _largest_difference(of_size)
        figures += [
            Figure(f"{start}, MLlib / this job", "times", ratios(seconds["mllib"], job), (">=", 6.0)),
            Figure(f"{start}, scikit-learn / this job", "times", ratios(seconds["scikit_learn"], job)),
            Figure(f"{start}, explained variance, largest difference", "", difference, ("<=", 1e-6)),
        ]
    return figures


def _largest_difference(runs: list[Run]) -> list[float]:
    """Of this job's explained variance ratios to MLlib's, each round."""
    ratio = {
        (run.contender, run.round): run.facts["explained_variance_ratio"] for run in runs if not run.error
    }
    pairs = [
        (own, ratio["f mllib", number])
        for (name, number), own in sorted(ratio.items())
        if name == "f this_job" and ("f mllib", number) in ratio
    ]
    return [max(abs(a - b) for a, b in zip(own, other, strict=True)) for own, other in pairs]
