"""The convergence chart as a PNG file, for slides."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from spark_job.analyses.convergence.curves import Step
from spark_job.report.palette import LINE_COLOURS
from spark_job.report.pictures import plain_axes, png_bytes
from spark_job.report.quantities import percent


def convergence_png(steps: Sequence[Step], shares: Sequence[float], standardized: bool, title: str) -> bytes:
    """Median number of components over the seeds, and the band from the smallest to the largest."""
    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    axes = plain_axes(figure)
    images = [step.images for step in steps]
    for place, share in enumerate(shares):
        low, middle, high = zip(*(step.spread(standardized, share) for step in steps), strict=True)
        colour = LINE_COLOURS[place % len(LINE_COLOURS)]
        axes.fill_between(images, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(images, middle, color=colour, marker="o", markersize=4, label=percent(share, 0))
    axes.set(xscale="log", xlabel="Images in the sample", ylabel="Components", title=f"{title} features")
    axes.set_ylim(bottom=0)
    axes.set_xticks(images, [f"{count:,}" for count in images])
    axes.minorticks_off()
    axes.legend(title="of the variance", frameon=False)
    return png_bytes(figure)
