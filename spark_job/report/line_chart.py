"""A chart of lines and points in both its forms: plotly's for the page, matplotlib's for slides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from spark_job.report.document import Chart
from spark_job.report.palette import COLOURS
from spark_job.report.pictures import plain_axes, png_bytes


@dataclass(frozen=True)
class Line:
    """Points, and the line through them."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str = COLOURS[0]
    style: str = "solid"  # `solid`, `dot`, or `none` for points without a line
    marker: int = 6  # diameter of the points in pixels; 0 for a line without points
    open: bool = False  # whether the points are rings
    # the smallest and the largest y at each x, drawn as a pale band
    band: tuple[Sequence[float], Sequence[float]] | None = None


@dataclass(frozen=True)
class Axis:
    """One of the two axes."""

    title: str
    format: str = ","  # of its numbers, in the words that plotly and Python share: `,` or `.1%`
    from_zero: bool = True  # whether it begins at 0
    end: float | None = None  # the largest value; None: the data decides
    # the only values that are named, on a logarithmic scale, of x alone; empty for a linear one
    ticks: Sequence[float] = ()


def line_chart(
    caption: str,
    name: str,
    lines: Sequence[Line],
    x: Axis,
    y: Axis,
    *,
    legend: bool = True,
    compare: bool = False,
) -> Chart:
    """Return the chart.

    Args:
        legend: whether the names of the lines are shown.
        compare: whether the pointer shows all lines at its x, instead of the nearest point.
    """
    data = [trace for line in lines for trace in _traces(line, x, y)]
    layout = {
        "xaxis": _plotly_axis(x),
        "yaxis": _plotly_axis(y),
        "hovermode": "x unified" if compare else "closest",
        "showlegend": legend,
    }
    return Chart(caption, data, layout, png=lambda: _png(lines, x, y, legend), name=name)


def _traces(line: Line, x: Axis, y: Axis) -> list[dict[str, Any]]:
    base: dict[str, Any] = {"type": "scatter", "x": list(line.x)}
    edge = {**base, "mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    traces = []
    if line.band:
        low, high = line.band
        filled = {"fill": "tonexty", "fillcolor": f"{line.colour}33"}
        traces = [{**edge, "y": list(high)}, {**edge, "y": list(low), **filled}]
    shown = [word for word, on in (("lines", line.style != "none"), ("markers", line.marker)) if on]
    main = {
        **base,
        "y": list(line.y),
        "name": line.name,
        "mode": "+".join(shown),
        "line": {"color": line.colour, "dash": line.style if line.style != "none" else "solid"},
        "marker": {"color": line.colour, "size": line.marker, "line": {"width": 3 if line.open else 0}}
        | ({"symbol": "circle-open"} if line.open else {}),
        "hovertemplate": f"%{{x:{x.format}}}: %{{y:{y.format}}}<extra>%{{fullData.name}}</extra>",
    }
    return [*traces, main]


def _plotly_axis(axis: Axis) -> dict[str, Any]:
    shown: dict[str, Any] = {"title": {"text": axis.title}, "tickformat": axis.format}
    if axis.ticks:
        names = [format(tick, axis.format) for tick in axis.ticks]
        return {**shown, "type": "log", "tickvals": list(axis.ticks), "ticktext": names}
    if axis.end is not None:
        return {**shown, "range": [0, axis.end]}
    return {**shown, "rangemode": "tozero" if axis.from_zero else "normal"}


def _png(lines: Sequence[Line], x: Axis, y: Axis, legend: bool) -> bytes:
    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    axes = plain_axes(figure)
    dashes = {"solid": "-", "dot": ":", "none": ""}
    for line in lines:
        if line.band:
            axes.fill_between(line.x, *line.band, color=line.colour, alpha=0.2, linewidth=0)
        axes.plot(
            line.x,
            line.y,
            color=line.colour,
            linestyle=dashes[line.style],
            marker="o" if line.marker else "",
            markersize=line.marker * 2 / 3,
            fillstyle="none" if line.open else "full",
            label=line.name,
        )
    axes.set(xlabel=x.title, ylabel=y.title)
    if x.from_zero and not x.ticks:
        axes.set_xlim(left=0)
    if y.from_zero:
        axes.set_ylim(bottom=0, top=y.end)
    if x.ticks:
        axes.set_xscale("log")
        axes.set_xticks(list(x.ticks), [format(tick, x.format) for tick in x.ticks])
        axes.minorticks_off()
    if y.format.endswith("%"):
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=int(y.format[1:-1])))
    if legend:
        for text in axes.legend(frameon=False).get_texts():
            text.set_parse_math(False)  # "$" in a name is a dollar
    return png_bytes(figure)
