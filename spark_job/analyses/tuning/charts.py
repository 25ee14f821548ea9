"""The charts of a tuning: the heat map, and how time grows with images and falls with cores."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from spark_job.contract.tuning import Tuning
from spark_job.report.document import Chart
from spark_job.report.palette import COLOURS
from spark_job.report.pictures import plain_axes, png_bytes
from spark_job.report.quantities import speed

_MEASURED, _FITTED = COLOURS[0], COLOURS[1]
_CURVE_POINTS = 60
# Pale to strong, so that the figure can stand on it in the page's ink.
_SCALE = [[0, "#deebf7"], [1, "#4292c6"]]
_INK = "#1f2933"


def heat_map(tuning: Tuning) -> Chart:
    """Images a second of every point of the grid; a combination that was not measured stays empty."""
    executors = sorted({point.executors for point in tuning.grid})
    cores = sorted({point.cores for point in tuning.grid})
    rates = np.full((len(executors), len(cores)), np.nan)
    for point in tuning.grid:
        rates[executors.index(point.executors), cores.index(point.cores)] = point.images_per_second
    text = [["" if np.isnan(rate) else speed(rate) for rate in row] for row in rates]
    data: list[dict[str, Any]] = [
        {
            "type": "heatmap",
            "x": [str(each) for each in cores],
            "y": [str(each) for each in executors],
            "z": [[None if np.isnan(rate) else float(rate) for rate in row] for row in rates],
            "text": text,
            "texttemplate": "%{text}",
            "textfont": {"color": _INK, "size": 15},
            "colorscale": _SCALE,
            "colorbar": {"title": {"text": "images/s"}},
            "xgap": 2,
            "ygap": 2,
            "hovertemplate": "%{y} executors x %{x} cores: %{z:,.1f} images/s<extra></extra>",
        }
    ]
    layout = {
        "xaxis": {"title": {"text": "Cores of an executor"}, "type": "category"},
        "yaxis": {"title": {"text": "Executors"}, "type": "category"},
    }
    caption = "Images a second by executors and cores of each"
    return Chart(caption, data, layout, png=_heat_map_png(rates, executors, cores), name="heat_map")


def time_by_images(tuning: Tuning) -> Chart:
    """Seconds by the number of images, with the fitted line from 0."""
    images = [point.images for point in tuning.sizes]
    curve = np.linspace(0, max(images), 2)
    return _fitted_chart(
        "Seconds of the featurization by the number of images",
        "Images",
        (images, [point.seconds for point in tuning.sizes]),
        (curve, tuning.by_images.at),
        "time_by_images",
    )


def time_by_cores(tuning: Tuning) -> Chart:
    """Seconds by the cores of all executors, with the fitted curve: fixed + work / cores."""
    cores = [point.all_cores for point in tuning.grid]
    curve = np.linspace(min(cores), max(cores), _CURVE_POINTS)
    return _fitted_chart(
        "Seconds of the featurization by the cores of all executors",
        "Cores of all executors",
        (cores, [point.seconds for point in tuning.grid]),
        (curve, lambda count: tuning.by_cores.at(1 / count)),
        "time_by_cores",
    )


def _fitted_chart(
    caption: str,
    x_title: str,
    measured: tuple[Sequence[int], Sequence[float]],
    fitted: tuple[np.ndarray, Callable[[float], float]],
    name: str,
) -> Chart:
    curve = [float(x) for x in fitted[0]]
    seconds = [fitted[1](x) for x in curve]
    hover = "%{x:,}: %{y:.2f} s<extra>%{fullData.name}</extra>"
    data: list[dict[str, Any]] = [
        {"mode": "lines", "name": "fitted", "x": curve, "y": seconds, "line": {"color": _FITTED}},
        {
            "mode": "markers",
            "name": "measured",
            "x": list(measured[0]),
            "y": list(measured[1]),
            "marker": {"color": _MEASURED, "size": 9},
        },
    ]
    traces = [{"type": "scatter", "hovertemplate": hover, **trace} for trace in data]
    axis = {"rangemode": "tozero"}
    layout = {
        "xaxis": {"title": {"text": x_title}, **axis},
        "yaxis": {"title": {"text": "Seconds"}, **axis},
        "hovermode": "closest",
    }
    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    axes = plain_axes(figure)
    axes.plot(curve, seconds, color=_FITTED, label="fitted")
    axes.plot(*measured, color=_MEASURED, marker="o", linestyle="", label="measured")
    axes.set(xlabel=x_title, ylabel="Seconds", xlim=(0, None), ylim=(0, None))
    axes.legend(frameon=False)
    return Chart(caption, traces, layout, png=png_bytes(figure), name=name)


def _heat_map_png(rates: np.ndarray, executors: Sequence[int], cores: Sequence[int]) -> bytes:
    figure = Figure(figsize=(6, 4.5), dpi=150, layout="constrained")
    axes = plain_axes(figure)
    axes.grid(visible=False)
    image = axes.imshow(
        rates, cmap="Blues", aspect="auto", origin="lower", vmin=0, vmax=np.nanmax(rates) * 1.4
    )
    axes.set_xticks(range(len(cores)), [str(each) for each in cores])
    axes.set_yticks(range(len(executors)), [str(each) for each in executors])
    axes.set(xlabel="Cores of an executor", ylabel="Executors")
    for row, column in zip(*np.nonzero(~np.isnan(rates)), strict=True):
        axes.text(column, row, speed(float(rates[row, column])), ha="center", va="center", color=_INK)
    figure.colorbar(image, label="images/s")
    return png_bytes(figure)
