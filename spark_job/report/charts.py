"""The charts of reports: plotly's for the page, matplotlib's as PNG files for slides."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator, PercentFormatter

from spark_job.report import palette, words
from spark_job.report.document import Chart, ReportContents

MAX_BARS = 150

_TEXT = "#1f2933"
_GRID = "#d9dee3"
_LONGEST_LEGEND_NAME = 26
_CLASSES_BESIDE_THE_PLANE = 24
_LEGEND_COLUMNS = 5


def explained_variance_png(ratio: np.ndarray, component_count: int) -> bytes:
    """Draw the variance's share of each of (d,) components, and of the first together; k is marked."""
    shown = shown_components(len(ratio), component_count)
    numbers, cumulative = np.arange(1, shown + 1), np.cumsum(ratio)[:shown]
    figure, axes = plain_axes(8, 4.5)
    draw = axes.bar if shown <= MAX_BARS else axes.fill_between  # more bars would be closer than pixels
    draw(numbers, ratio[:shown], color=palette.COLOURS[0], label="each component", zorder=2)
    marker = "o" if shown <= 30 else ""
    axes.plot(numbers, cumulative, color=palette.COLOURS[1], marker=marker, ms=4, label="together", zorder=3)
    axes.set(
        xlabel="Principal component", ylabel="Share of the variance", xlim=(0, shown + 1), ylim=(0, 1.02)
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if 0 < component_count <= shown:
        axes.axvline(component_count, color=_TEXT, linestyle="--", linewidth=1, zorder=4)
        kept = words.percent(float(cumulative[component_count - 1]))
        axes.set_title(f"k = {component_count} keeps {kept} of the variance", fontsize=11, color=_TEXT)
    axes.legend(frameon=True, framealpha=0.9, edgecolor="none", loc="center right")
    return png_bytes(figure)


def plane_png(contents: ReportContents, first: int, second: int) -> bytes:
    """Draw the points on two components (counted from 0), coloured by class."""
    styles = palette.class_styles([point.label for point in contents.points])
    figure, axes = plain_axes(8, 6)
    labels = np.array([point.label for point in contents.points], dtype=object)
    for style in styles.values():
        chosen = contents.components[labels == style.label]
        marker = _marker(style)
        marker.set_data(chosen[:, first], chosen[:, second])
        axes.add_line(marker)
    axes.axhline(0, color=_GRID, linewidth=1.2, zorder=1)
    axes.axvline(0, color=_GRID, linewidth=1.2, zorder=1)
    axes.relim()
    axes.autoscale_view()
    # Distances on paper are distances between feature vectors, as far as the plane shows them.
    axes.set_aspect("equal", adjustable="datalim")
    ratio = contents.explained_variance_ratio
    axes.set(xlabel=words.component_title(ratio, first), ylabel=words.component_title(ratio, second))
    axes.set_title(f"Factor plane {first + 1}-{second + 1}", fontsize=11, color=_TEXT)
    _add_legend(figure, list(styles.values()))
    return png_bytes(figure)


def shown_components(dimension: int, component_count: int) -> int:
    """Return how many components a chart shows: twice the kept ones, so that the tail can be judged."""
    return min(dimension, max(20, 2 * component_count))


def plain_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of so many inches and its axes, in the look of the report."""
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.grid(color=_GRID, linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9aa5b1")
    axes.tick_params(colors=_TEXT, labelsize=9)
    axes.xaxis.label.set_color(_TEXT)
    axes.yaxis.label.set_color(_TEXT)
    return figure, axes


def _marker(style: palette.ClassStyle) -> Line2D:
    symbol, colour = palette.SYMBOLS[style.symbol], palette.COLOURS[style.colour]
    colour = _TEXT if colour == palette.INK else colour
    size = 8 if symbol.name.startswith("star") else 6  # a star looks smaller than a circle of its width
    line = Line2D([], [], linestyle="", markersize=size, markeredgewidth=0.3 if symbol.filled else 1.1)
    # SVG counts y downwards, matplotlib upwards.
    line.set_marker(Path([(x, -y) for x, y in (*symbol.outline, symbol.outline[0])], closed=True))
    line.set_markerfacecolor(colour if symbol.filled else "none")
    line.set_markeredgecolor("white" if symbol.filled else colour)
    line.set_alpha(0.85)
    line.set_zorder(3)
    return line


def _add_legend(figure: Figure, styles: list[palette.ClassStyle]) -> None:
    if len(styles) > palette.LOOK_COUNT:
        return
    beside = len(styles) <= _CLASSES_BESIDE_THE_PLANE
    columns = 1 if beside else _LEGEND_COLUMNS
    if not beside:
        rows = -(-len(styles) // columns)
        figure.set_size_inches(8, 6 + 0.16 * rows)
    names = []
    for style in styles:
        name = "".join(letter if letter.isprintable() else " " for letter in words.class_name(style.label))
        names.append(name if len(name) <= _LONGEST_LEGEND_NAME else name[: _LONGEST_LEGEND_NAME - 1] + "…")
    legend = figure.legend(
        [_marker(style) for style in styles],
        names,
        loc="outside right upper" if beside else "outside lower center",
        ncols=columns,
        fontsize=8 if beside else 6.5,
        frameon=False,
        handletextpad=0.3,
        labelspacing=0.5 if beside else 0.35,
        columnspacing=1.0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # "$" in a name is a dollar


def heat_trace(
    values: np.ndarray, x: Sequence[str], y: Sequence[str], colours: Sequence[Any], gap: int
) -> dict[str, Any]:
    """Return plotly's heat map of (len(y), len(x)) values; the cells of not-a-number stay empty."""
    cells = [[None if np.isnan(value) else float(value) for value in row] for row in values]
    places = {"x": list(x), "y": list(y), "z": cells}
    return {"type": "heatmap", **places, "colorscale": colours, "xgap": gap, "ygap": gap}


def png_bytes(figure: Figure) -> bytes:
    """Write the figure; the same figure gives the same bytes."""
    target = io.BytesIO()
    with warnings.catch_warnings():
        # A letter the font lacks becomes a box; the page shows the name in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        canvas: Any = FigureCanvasAgg(figure)  # `savefig` would draw and lay out the figure twice
        canvas.print_png(target, metadata={"Software": None})
    return target.getvalue()


@dataclass(frozen=True)
class Line:
    """Points, and the line through them."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str = palette.COLOURS[0]
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
    ticks: Sequence[float] = ()  # the only values named, of x, on a logarithmic scale; empty: linear


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
    """Return the chart; with `compare`, the pointer shows all lines at its x, not only the nearest point."""
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
    figure, axes = plain_axes(8, 4.5)
    for line in lines:
        if line.band:
            axes.fill_between(line.x, *line.band, color=line.colour, alpha=0.2, linewidth=0)
        axes.plot(
            line.x,
            line.y,
            color=line.colour,
            linestyle={"solid": "-", "dot": ":", "none": ""}[line.style],
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
