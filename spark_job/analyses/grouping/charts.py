"""The charts of a grouping: the map, and the silhouette by the number of clusters."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from spark_job.analyses.grouping.kmeans import Trial
from spark_job.report.document import Chart, Photograph
from spark_job.report.line_chart import Axis, Line, line_chart
from spark_job.report.palette import COLOURS, INK, SYMBOLS
from spark_job.report.pictures import plain_axes, png_bytes

# "Ink" changes with the page, which a chart's own colours cannot.
_COLOURS = tuple(colour for colour in COLOURS if colour != INK)
MAX_NAMED = 40
# 10 s on two cores; more points than this do not fit into a chart either.
MAX_MAPPED = 2_000
PERPLEXITY = 30
# With fewer t-SNE has no neighbourhoods to keep.
MIN_EMBEDDED = 5


def plane_positions(rows: np.ndarray, seed: int) -> np.ndarray:
    """Place rows by t-SNE (van der Maaten, Hinton 2008), (n, 2) float32; fewer than 5 by first components.

    Args:
        rows: (n, d) float32.
    """
    if len(rows) < MIN_EMBEDDED:
        return np.pad(rows[:, :2], ((0, 0), (0, max(0, 2 - rows.shape[1]))))
    start = "pca" if min(rows.shape) >= 2 else "random"
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    positions: np.ndarray = TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(rows)
    return positions


def map_chart(positions: np.ndarray, clusters: np.ndarray, photographs: Sequence[Photograph]) -> Chart:
    """Draw the images in the plane, coloured by cluster.

    Args:
        positions: (n, 2).
        clusters: (n,) from 1.
        photographs: n.
    """
    data = []
    for cluster in np.unique(clusters).tolist():
        places = np.flatnonzero(clusters == cluster)
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"cluster {cluster}",
                "x": positions[places, 0].round(2).tolist(),
                "y": positions[places, 1].round(2).tolist(),
                "customdata": places.tolist(),
                "hoverinfo": "none",
                "marker": {
                    "color": _colour(cluster),
                    "symbol": SYMBOLS[cluster % len(SYMBOLS)].name,
                    "size": 7,
                },
            }
        )
    axis = {"showticklabels": False, "zeroline": False}
    layout = {
        "height": 720,
        "xaxis": axis,
        "yaxis": {**axis, "scaleanchor": "x"},
        "hovermode": "closest",
        "showlegend": len(data) <= MAX_NAMED,
    }
    caption = "Map of the images; nearby ones look alike to the network, colours are clusters"
    return Chart(caption, data, layout, photographs, lambda: _map_png(positions, clusters), "map")


def _colour(cluster: int) -> str:
    return _COLOURS[cluster % len(_COLOURS)]


def _map_png(positions: np.ndarray, clusters: np.ndarray) -> bytes:
    figure = Figure(figsize=(8, 8), dpi=150, layout="constrained")
    axes = plain_axes(figure)
    for cluster in np.unique(clusters).tolist():
        chosen = positions[clusters == cluster]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=10, color=_colour(cluster), linewidths=0, alpha=0.85)
        x, y = np.median(chosen, axis=0)
        axes.annotate(str(cluster), (x, y), fontsize=9, fontweight="bold", ha="center", va="center")
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xticks=[], yticks=[])
    return png_bytes(figure)


def silhouette_chart(trials: Sequence[Trial], chosen: Trial) -> Chart:
    """Draw the silhouette by the number of clusters; the chosen one is marked."""
    lines = [
        Line("silhouette", [trial.k for trial in trials], [trial.silhouette for trial in trials]),
        Line("chosen", [chosen.k], [chosen.silhouette], COLOURS[1], style="none", marker=14, open=True),
    ]
    return line_chart(
        "Mean silhouette by the number of clusters; the circle marks the chosen one",
        "silhouette",
        lines,
        Axis("Clusters", from_zero=False),
        Axis("Silhouette", ".3f", from_zero=False),
        legend=False,
    )
