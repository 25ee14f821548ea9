"""The variance curves of both runs as a PNG file, for slides."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from spark_job.report.palette import LINE_COLOURS
from spark_job.report.pictures import plain_axes, png_bytes


def curves_png(curves: Sequence[tuple[str, np.ndarray]]) -> bytes:
    """Cumulative share of the variance over the number of components; each curve with its name."""
    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    axes = plain_axes(figure)
    for (name, curve), colour in zip(curves, LINE_COLOURS, strict=False):
        axes.plot(np.arange(1, len(curve) + 1), curve, color=colour, label=name)
    axes.set(xlabel="Components", ylabel="Share of the variance", ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for text in axes.legend(frameon=False, loc="lower right").get_texts():
        text.set_parse_math(False)  # "$" in a name is a dollar
    return png_bytes(figure)
