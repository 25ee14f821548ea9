"""The report of a comparison."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from spark_job.analyses.comparison.sides import Side
from spark_job.analyses.summary import Lines
from spark_job.report.document import Chart, Document, Section, Table
from spark_job.report.line_chart import Axis, Line, line_chart
from spark_job.report.palette import LINE_COLOURS
from spark_job.report.quantities import count, duration, percent, speed

MAX_CURVE_POINTS = 500
NONE = "–"


def document(sides: Sequence[Side], degrees: np.ndarray, why_no_angles: str | None) -> Document:
    """Return the report that shows both runs side by side.

    Args:
        degrees: angles between their components; empty for the reason `why_no_angles`.
    """
    first, second = (side.name for side in sides)
    return Document(
        title="Comparison",
        subtitle=f"{first} and {second}",
        tiles=_tiles(sides, degrees),
        sections=[
            Section("Figures", [_figures(sides)]),
            Section("Parameters", _parameters(sides)),
            Section("Explained variance", [_curves(sides)]),
            Section("Angles between the components", _angles(degrees, why_no_angles)),
            Section("Time", [_times(sides)]),
        ],
    )


def findings(sides: Sequence[Side], degrees: np.ndarray) -> Lines:
    """Return the lines that a comparison ends with: the figures of the first run / those of the second."""
    names = " / ".join(side.name for side in sides)
    images = " / ".join(count(side.run.metrics["images"]["usable"]) for side in sides)
    return [
        ("runs", names),
        ("images", images),
        *((key.lower(), text) for key, text in _tiles(sides, degrees).items()),
    ]


def _tiles(sides: Sequence[Side], degrees: np.ndarray) -> dict[str, str]:
    components = [side.run.metrics["reduction"]["components"] for side in sides]
    tiles = {
        "Components": " / ".join(NONE if one is None else count(one) for one in components),
        "Wall time": " / ".join(duration(side.seconds) for side in sides),
    }
    if len(degrees):
        tiles["Largest angle"] = f"{degrees[-1]:.1f}°"
    if all(side.accuracy is not None for side in sides):
        tiles["Accuracy"] = " / ".join(_shown(side.accuracy, percent) for side in sides)
    return tiles


def _shown(value: float | None, write: Any) -> str:
    return NONE if value is None else str(write(value))


def _figures(sides: Sequence[Side]) -> Table:
    def row(name: str, values: Sequence[float | None], write: Any) -> list[str]:
        return [name, *(_shown(value, write) for value in values)]

    metrics = [side.run.metrics for side in sides]
    rows = [
        *(
            row(f"Images {name}", [one["images"][name] for one in metrics], count)
            for name in ("listed", "usable", "rejected", "skipped")
        ),
        row("Features an image", [one["features"]["length"] for one in metrics], count),
        row("Components", [one["reduction"]["components"] for one in metrics], count),
        row("Variance they keep", [one["reduction"]["explained_variance_ratio"] for one in metrics], percent),
        row("Accuracy of the newest classifier", [side.accuracy for side in sides], percent),
        row("Images a second", [one["features"]["images_per_second"] for one in metrics], speed),
        row("Time", [side.seconds for side in sides], duration),
        row("Cost of that time", [side.cost for side in sides], lambda cost: f"{cost:.4f}"),
    ]
    return Table(
        f"Accuracy: of the newest `train` run that names the run, {NONE} where none does. Cost: by "
        "--price-per-hour; `fruit cost` says what a cluster costs.",
        ["", *(side.name for side in sides)],
        rows,
    )


def _parameters(sides: Sequence[Side]) -> list[str | Table]:
    one, other = (side.parameters for side in sides)
    names = sorted(one.keys() | other.keys())
    different = [
        [name, one.get(name, ""), other.get(name, "")] for name in names if one.get(name) != other.get(name)
    ]
    same = [name for name in names if one.get(name) == other.get(name)]
    alike = f"The same in both: {', '.join(same)}." if same else "None is the same in both."
    if not different:
        return [alike]
    return [Table("What differs", ["", *(side.name for side in sides)], different), alike]


def _curves(sides: Sequence[Side]) -> Chart:
    lines = [
        Line(side.name, range(1, len(curve) + 1), curve.tolist(), colour, marker=0)
        for side, colour in zip(sides, LINE_COLOURS, strict=False)
        for curve in [side.curve[:MAX_CURVE_POINTS]]
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


def _times(sides: Sequence[Side]) -> Table:
    stages = [name for name in sides[0].run.metrics["seconds"] if name != "total"]
    seconds = [side.run.metrics["seconds"] for side in sides]
    rows = [[name, *(duration(one.get(name, 0.0)) for one in seconds)] for name in stages]
    rows.append(["together, with Spark's start", *(duration(side.seconds) for side in sides)])
    return Table("Wall time of each stage", ["", *(side.name for side in sides)], rows)
