"""The charts of a training: accuracy as the training images grow, and who is taken for whom."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from spark_job.analyses.training.evaluation import Evaluation
from spark_job.analyses.training.fitting import Trained
from spark_job.report.document import Chart
from spark_job.report.line_chart import Axis, Line, line_chart
from spark_job.report.palette import COLOURS, class_name
from spark_job.report.pictures import plain_axes, png_bytes

# More rows than this cannot be read on a page.
MAX_CONFUSION_CLASSES = 60
_RIGHT, _WRONG = COLOURS[0], COLOURS[1]


def learning_curve_chart(trained: Sequence[Trained]) -> Chart:
    """Draw the accuracy on test images and on the images trained on, by how many were trained on."""
    lines = []
    for colour, one in zip(COLOURS, trained, strict=False):
        image_counts = [point.images for point in one.curve]
        unseen = [point.accuracy for point in one.curve]
        seen = [point.training_accuracy for point in one.curve]
        lines.append(Line(f"{one.on}: test", image_counts, unseen, colour))
        lines.append(Line(f"{one.on}: training", image_counts, seen, colour, style="dot"))
    return line_chart(
        "Learning curve: accuracy by the number of images trained on",
        "learning_curve",
        lines,
        Axis("Training images"),
        Axis("Accuracy", ".1%", from_zero=False),
    )


def confusion_chart(evaluation: Evaluation, classes: Sequence[str]) -> Chart:
    """Draw the share of each class taken for each; of many classes those that are confused most."""
    shown = shown_classes(evaluation)
    counts = evaluation.confusion[np.ix_(shown, shown)]
    of_class = np.maximum(evaluation.confusion.sum(axis=1)[shown], 1)
    shares = counts / of_class[:, None]
    names = [class_name(classes[index]) for index in shown]
    diagonal = np.eye(len(shown), dtype=bool)
    data = [
        _heat(np.where(diagonal, shares, np.nan), counts, names, "right", _RIGHT),
        _heat(np.where(diagonal | (counts == 0), np.nan, shares), counts, names, "wrong", _WRONG),
    ]
    side = max(420, 15 * len(shown) + 200)
    axis = {"tickfont": {"size": 10}, "showgrid": False, "dtick": 1}
    layout = {
        "height": side,
        "xaxis": {**axis, "title": {"text": "Taken for"}, "tickangle": -60},
        "yaxis": {**axis, "title": {"text": "Class"}, "autorange": "reversed"},
        "showlegend": False,
    }
    few = f", the {len(shown)} that are confused most" if len(shown) < len(classes) else ""
    caption = f"Confusion matrix: the share of each class (row) taken for each (column){few}"
    return Chart(caption, data, layout, png=lambda: _confusion_png(shares, names), name="confusion_matrix")


def shown_classes(evaluation: Evaluation) -> list[int]:
    """Return the numbers of the classes that the matrix shows: all, or the most confused ones, in order."""
    wrong = evaluation.confusion - np.diag(np.diag(evaluation.confusion))
    most = np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")[:MAX_CONFUSION_CLASSES]
    return sorted(int(index) for index in most)


def _heat(
    shares: np.ndarray, counts: np.ndarray, names: Sequence[str], what: str, colour: str
) -> dict[str, Any]:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    scale = [[0, f"rgba({red},{green},{blue},0.15)"], [1, colour]]
    return {
        "type": "heatmap",
        "x": list(names),
        "y": list(names),
        "z": [[None if np.isnan(share) else float(share) for share in row] for row in shares],
        "customdata": counts.tolist(),
        "zmin": 0,
        "zmax": 1,
        "colorscale": scale,
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
        "hovertemplate": "%{y} taken for %{x}: %{customdata} images, %{z:.1%}<extra>" + what + "</extra>",
    }


def _confusion_png(shares: np.ndarray, names: Sequence[str]) -> bytes:
    side = max(5.0, 0.16 * len(names) + 2)
    figure = Figure(figsize=(side, side), dpi=150, layout="constrained")
    axes = plain_axes(figure)
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for labels, kind in ((axes.set_xticks, 90), (axes.set_yticks, 0)):
        for text in labels(range(len(names)), names, rotation=kind, fontsize=6):
            text.label1.set_parse_math(False)  # "$" in a name is a dollar
    axes.set(xlabel="Taken for", ylabel="Class")
    return png_bytes(figure)
