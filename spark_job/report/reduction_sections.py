"""What the report of a run says of its reduction: the variance that components explain, and the drift."""

from typing import Any

import numpy as np

from spark_job.reduction.drift import Drift
from spark_job.report.document import (
    Block,
    Cell,
    Chart,
    Details,
    Number,
    Placeholder,
    ReportContents,
    Table,
    count,
    percent,
)
from spark_job.report.pictures import MAX_BARS, explained_variance_png, shown_components

MAX_COMPONENT_ROWS = 100
# More markers than this hide the line that they stand on.
MAX_MARKERS = 30


def kept_share(contents: ReportContents) -> float:
    """Return the share of the variance that the kept components hold together, 0 to 1."""
    return float(np.sum(contents.explained_variance_ratio[: contents.component_count]))


def variance_blocks(contents: ReportContents) -> list[Block]:
    """Return the chart of the explained variance, with its numbers as a table."""
    ratio, k = contents.explained_variance_ratio, contents.component_count
    if not len(ratio):
        return [Placeholder("Nothing was reduced in this run, so there is no variance to explain.")]
    kept = f"{count(k)} of {count(len(ratio))} components {'was' if k == 1 else 'were'} kept"
    if k:
        hold = "it holds" if k == 1 else "together they hold"
        kept += f"; {hold} {percent(kept_share(contents))} of the variance"
    blocks: list[Block] = [f"{kept}. The dashed line marks k, the number kept.", _variance_chart(ratio, k)]
    shown = ratio[: min(k, MAX_COMPONENT_ROWS)]
    if not len(shown):
        return blocks
    few = f"the first {len(shown)} of {count(k)} kept components" if len(shown) < k else "the kept components"
    rows: list[list[Cell]] = [
        [i, Number(percent(float(share), 2)), Number(percent(float(total), 2))]
        for i, (share, total) in enumerate(zip(shown, np.cumsum(shown), strict=True), 1)
    ]
    table = Table(f"Explained variance of {few}", ["Component", "Share", "Together"], rows)
    return [*blocks, Details("The numbers as a table", table)]


def _variance_chart(ratio: np.ndarray, k: int) -> Chart:
    shown = shown_components(len(ratio), k)
    x, shares, together = list(range(1, shown + 1)), ratio[:shown], np.cumsum(ratio)[:shown]
    bars: dict[str, Any] = {"type": "bar"}
    area = {"type": "scatter", "mode": "lines", "fill": "tozeroy"}
    mode = "lines+markers" if shown <= MAX_MARKERS else "lines"
    hover = "%{y:.2%}"
    data: list[dict[str, Any]] = [
        {"x": x, "y": shares.tolist(), "name": "each component", "hovertemplate": hover}
        | (bars if shown <= MAX_BARS else area),
        {"x": x, "y": together.tolist(), "name": "together", "mode": mode, "hovertemplate": hover},
    ]
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "Principal component"}, "zeroline": False, "range": [0.4, shown + 0.6]}
        | ({"dtick": 1} if shown <= 20 else {}),
        "yaxis": {"title": {"text": "Share of the variance"}, "tickformat": ".0%", "range": [0, 1.03]},
        "legend": {"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.25, "yanchor": "top"},
        "hovermode": "x unified",
        "dragmode": False,
    }
    if 0 < k <= shown:
        text = f"k = {k} keeps {percent(float(together[k - 1]))}"
        anchor = "right" if k > 0.75 * shown else "left" if k < 0.25 * shown else "center"
        place = {"x": k, "y": 1, "yref": "paper", "yanchor": "bottom", "xanchor": anchor}
        layout["annotations"] = [{"text": text, "showarrow": False, **place}]
        line = {"type": "line", "x0": k, "x1": k, "y0": 0, "y1": 1, "yref": "paper"}
        layout["shapes"] = [{**line, "line": {"width": 1.5, "dash": "dash"}}]
    caption = "Explained variance of each component and of the first ones together"
    return Chart(
        caption, data, layout, png=lambda: explained_variance_png(ratio, k), name="explained_variance"
    )


def drift_blocks(drift: Drift) -> list[Block]:
    """Return how the new images lie beside those that the reduction was fitted on."""
    figures, usual = drift.figures(), Number(percent(0.01))
    ratio, shift = (Number(f"{figures[name]:.2f}") for name in ("variance_ratio", "mean_shift"))
    rows: list[tuple[Cell, ...]] = [
        ("Images", Number(count(drift.fitted_images)), Number(count(drift.images))),
        (
            "Variance about the fitted mean that the components hold",
            Number(percent(drift.fitted_kept)),
            Number(percent(drift.kept)),
        ),
        ("Variance along a component, median", Number("1.00"), ratio),
        ("Distance of the means in standard deviations, root mean square", 0, shift),
        ("The largest, along one component", 0, Number(f"{figures['largest_mean_shift']:.2f}")),
        ("Reconstruction error (Q) beyond the fitted 99 % limit", usual, Number(percent(drift.beyond_error))),
        ("Hotelling's T² beyond the fitted 99 % limit", usual, Number(percent(drift.beyond_distance))),
    ]
    shown = min(len(drift.shift), MAX_COMPONENT_ROWS)
    few = f" the first {shown} of {count(len(drift.shift))}" if shown < len(drift.shift) else " the"
    components = [
        (i + 1, Number(f"{drift.shift[i]:+.2f}"), Number(f"{drift.spread[i]:.2f}")) for i in range(shown)
    ]
    beside = "The new images beside those that the reduction was fitted on"
    caption = f"Mean and variance of the new images along{few} components; without drift 0 and 1"
    columns = ["Component", "Mean, in standard deviations", "Variance / fitted variance"]
    details = Details("Component by component", Table(caption, columns, components))
    return [drift.advice, Table(beside, ["Measure", "Fitted", "New"], rows), details]
