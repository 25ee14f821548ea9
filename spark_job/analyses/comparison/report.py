"""The report of a comparison."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from spark_job.analyses.comparison.compared_run import ComparedRun
from spark_job.analyses.summary import Lines
from spark_job.report.document import Cell, Chart, Document, Number, Section, Table
from spark_job.report.line_chart import Axis, Line, line_chart
from spark_job.report.palette import LINE_COLOURS
from spark_job.report.quantities import count, duration, percent, speed

MAX_CURVE_POINTS = 500
NONE = "–"


def document(runs: Sequence[ComparedRun], degrees: np.ndarray, why_no_angles: str | None) -> Document:
    """Return the report that shows both runs run by run.

    Args:
        degrees: angles between their components; empty for the reason `why_no_angles`.
    """
    first, second = (run.name for run in runs)
    return Document(
        title="Comparison",
        subtitle=f"{first} and {second}",
        tiles=_tiles(runs, degrees),
        sections=[
            Section("Figures", [_figures(runs)]),
            Section("Parameters", _parameters(runs)),
            Section("Explained variance", [_curves(runs)]),
            Section("Angles between the components", _angles(degrees, why_no_angles)),
            Section("Time", [_times(runs)]),
        ],
    )


def findings(runs: Sequence[ComparedRun], degrees: np.ndarray) -> Lines:
    """Return the lines that a comparison ends with: the figures of the first run / those of the second."""
    names = " / ".join(run.name for run in runs)
    images = " / ".join(count(run.source.metrics["images"]["usable"]) for run in runs)
    return [
        ("runs", names),
        ("images", images),
        *((key.lower(), text) for key, text in _tiles(runs, degrees).items()),
    ]


def _tiles(runs: Sequence[ComparedRun], degrees: np.ndarray) -> dict[str, str]:
    components = [run.source.metrics["reduction"]["components"] for run in runs]
    tiles = {
        "Components": " / ".join(NONE if one is None else count(one) for one in components),
        "Wall time": " / ".join(duration(run.seconds) for run in runs),
    }
    if len(degrees):
        tiles["Largest angle"] = f"{degrees[-1]:.1f}°"
    if all(run.accuracy is not None for run in runs):
        tiles["Accuracy"] = " / ".join(_shown(run.accuracy, percent) for run in runs)
    return tiles


def _shown(value: float | None, write: Any) -> str:
    return NONE if value is None else str(write(value))


def _figures(runs: Sequence[ComparedRun]) -> Table:
    def row(name: str, values: Sequence[float | None], write: Any) -> list[Cell]:
        return [name, *(Number(_shown(value, write)) for value in values)]

    metrics = [run.source.metrics for run in runs]
    rows = [
        *(
            row(f"Images {name}", [one["images"][name] for one in metrics], count)
            for name in ("listed", "usable", "rejected", "skipped")
        ),
        row("Features an image", [one["features"]["length"] for one in metrics], count),
        row("Components", [one["reduction"]["components"] for one in metrics], count),
        row("Variance they keep", [one["reduction"]["explained_variance_ratio"] for one in metrics], percent),
        row("Accuracy of the newest classifier", [run.accuracy for run in runs], percent),
        row("Images a second", [one["features"]["images_per_second"] for one in metrics], speed),
        row("Time", [run.seconds for run in runs], duration),
        row("Cost of that time", [run.cost for run in runs], lambda cost: f"{cost:.4f}"),
    ]
    return Table(
        f"Accuracy: of the newest `train` run that names the run, {NONE} where none does. Cost: by "
        "--price-per-hour; `fruit cost` says what a cluster costs.",
        ["", *(run.name for run in runs)],
        rows,
    )


def _parameters(runs: Sequence[ComparedRun]) -> list[str | Table]:
    one, other = (run.parameters for run in runs)
    names = sorted(one.keys() | other.keys())
    different = [
        [name, one.get(name, ""), other.get(name, "")] for name in names if one.get(name) != other.get(name)
    ]
    same = [name for name in names if one.get(name) == other.get(name)]
    alike = f"The same in both: {', '.join(same)}." if same else "None is the same in both."
    if not different:
        return [alike]
    return [Table("What differs", ["", *(run.name for run in runs)], different), alike]


def _curves(runs: Sequence[ComparedRun]) -> Chart:
    lines = [
        Line(run.name, range(1, len(curve) + 1), curve.tolist(), colour, marker=0)
        for run, colour in zip(runs, LINE_COLOURS, strict=False)
        for curve in [run.curve[:MAX_CURVE_POINTS]]
    ]
    return line_chart(
        f"Share of the variance that the first components hold together, up to the {MAX_CURVE_POINTS}th",
        "explained_variance",
        lines,
        Axis("Components"),
        Axis("Share of the variance", ".0%", end=1.02),
        compare=True,
    )


def _angles(degrees: np.ndarray, why_none: str | None) -> list[str | Chart]:
    if not len(degrees):
        return [why_none or "There are none."]
    near = int((degrees < 10).sum())
    reading = (
        f"{near:,} of {len(degrees):,} principal angles between the two sets of kept components are below "
        "10°; 0° is a direction that both keep, 90° one that the other knows nothing of."
    )
    chart = Chart(
        "Principal angles, ascending, in degrees",
        [{"x": list(range(1, len(degrees) + 1)), "y": degrees.tolist(), "type": "bar", "name": "angle"}],
        {
            "xaxis": {"title": {"text": "Number"}},
            "yaxis": {"title": {"text": "Degrees"}, "range": [0, 90]},
        },
    )
    return [reading, chart]


def _times(runs: Sequence[ComparedRun]) -> Table:
    stages = [name for name in runs[0].source.metrics["seconds"] if name != "total"]
    seconds = [run.source.metrics["seconds"] for run in runs]
    rows = [[name, *(duration(one.get(name, 0.0)) for one in seconds)] for name in stages]
    rows.append(["together, with Spark's start", *(duration(run.seconds) for run in runs)])
    return Table("Wall time of each stage", ["", *(run.name for run in runs)], rows)
