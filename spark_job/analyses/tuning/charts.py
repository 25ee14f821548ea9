"""The charts of a tuning: the heat map, and how time grows with images and falls with cores."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from spark_job.contract.tuning import Tuning
from spark_job.report.document import Chart
from spark_job.report.line_chart import Axis, Line, line_chart
from spark_job.report.palette import COLOURS
from spark_job.report.pictures import plain_axes, png_bytes
from spark_job.report.quantities import speed

_CURVE_POINTS = 60
# Pale to strong, so that the figure can stand on it in the page's ink.
_SCALE = [[0, "#deebf7"], [1, "#4292c6"]]
_INK = "#1f2933"


def heat_map(tuning: Tuning) -> Chart:
    """Draw the images a second of every point of the grid; what was not measured stays empty."""
    executors = sorted({point.executors for point in tuning.grid})
    cores = sorted({point.cores for point in tuning.grid})
    rates = np.full((len(executors), len(cores)), np.nan)
    for point in tuning.grid:
        rates[executors.index(point.executors), cores.index(point.cores)] = point.images_per_second
    text = [["" if np.isnan(rate) else speed(rate) for rate in row] for row in rates]
    data: list[dict[str, Any]] = [
        {
            "type": "heatmap",
            "x": [str(number) for number in cores],
            "y": [str(number) for number in executors],
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
    return Chart(caption, data, layout, png=lambda: _heat_map_png(rates, executors, cores), name="heat_map")


def time_by_images(tuning: Tuning) -> Chart:
    """Draw the seconds by the number of images, with the fitted line from 0."""
    images = [run.images for run in tuning.sizes]
    curve = [0.0, float(max(images))]
    return line_chart(
        "Seconds of the featurization by the number of images",
        "time_by_images",
        [
            Line("fitted", curve, list(map(tuning.by_images.at, curve)), COLOURS[1], marker=0),
            Line("measured", images, [run.seconds for run in tuning.sizes], style="none", marker=9),
        ],
        Axis("Images"),
        Axis("Seconds", ".2f"),
    )


def time_by_cores(tuning: Tuning) -> Chart:
    """Draw the seconds by the cores of all executors, with the fitted curve: fixed + work / cores."""
    cores = [run.all_cores for run in tuning.grid]
    curve = np.linspace(min(cores), max(cores), _CURVE_POINTS).tolist()
    return line_chart(
        "Seconds of the featurization by the cores of all executors",
        "time_by_cores",
        [
            Line("fitted", curve, [tuning.by_cores.at(1 / count) for count in curve], COLOURS[1], marker=0),
            Line("measured", cores, [run.seconds for run in tuning.grid], style="none", marker=9),
        ],
        Axis("Cores of all executors"),
        Axis("Seconds", ".2f"),
    )


def _heat_map_png(rates: np.ndarray, executors: Sequence[int], cores: Sequence[int]) -> bytes:
    figure = Figure(figsize=(6, 4.5), dpi=150, layout="constrained")
    axes = plain_axes(figure)
    axes.grid(visible=False)
    image = axes.imshow(
        rates, cmap="Blues", aspect="auto", origin="lower", vmin=0, vmax=np.nanmax(rates) * 1.4
    )
    axes.set_xticks(range(len(cores)), [str(number) for number in cores])
    axes.set_yticks(range(len(executors)), [str(number) for number in executors])
    axes.set(xlabel="Cores of an executor", ylabel="Executors")
    for row, column in zip(*np.nonzero(~np.isnan(rates)), strict=True):
        axes.text(column, row, speed(float(rates[row, column])), ha="center", va="center", color=_INK)
    figure.colorbar(image, label="images/s")
    return png_bytes(figure)
