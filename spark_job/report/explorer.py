"""What the page's script needs to draw the planes, the classes and the photographs, as JSON."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from spark_job.report.contents import ReportContents
from spark_job.report.palette import COLOURS, SYMBOLS, class_name, class_styles
from spark_job.report.pictures import MAX_BARS, component_title, shown_components
from spark_job.report.thumbnails import encode

# SVG markers stay quick up to about this many.
MAX_POINTS = 2000


def sampled_rows(point_count: int) -> list[int]:
    """Which of the points the page shows: all, or MAX_POINTS of them spread evenly."""
    if point_count <= MAX_POINTS:
        return list(range(point_count))
    return [i * point_count // MAX_POINTS for i in range(MAX_POINTS)]


def explorer_data(contents: ReportContents, rows: list[int], with_thumbnail: list[bool]) -> dict[str, Any]:
    """The points of `rows` column by column, their classes and what the charts say.

    Args:
        with_thumbnail: for each of `rows`, whether its photograph is written into the page.
    """
    points = [contents.points[row] for row in rows]
    styles = list(class_styles([point.label for point in points]).values())
    number = {style.label: i for i, style in enumerate(styles)}
    return {
        "paths": [point.path for point in points],
        "splits": [point.split for point in points],
        "labels": [point.label for point in points],
        "classes": [number[point.label] for point in points],
        "thumbnails": [
            encode(point.thumbnail) if shown else None
            for point, shown in zip(points, with_thumbnail, strict=True)
        ],
        "coordinates": _coordinates(contents, rows),
        "styles": [asdict(style) | {"name": class_name(style.label)} for style in styles],
        "colours": COLOURS,
        "symbols": [asdict(symbol) for symbol in SYMBOLS],
        "axes": [component_title(contents.explained_variance_ratio, i) for i in range(3)],
        "variance": _variance(contents),
    }


def script_json(data: dict[str, Any]) -> str:
    """JSON that stands safely inside a `<script>` element: no `<` can end it or open a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _coordinates(contents: ReportContents, rows: list[int]) -> list[list[float | None]]:
    if contents.components.ndim != 2:
        return []
    return [_rounded(contents.components[rows, i]) for i in range(min(3, contents.components.shape[1]))]


def _variance(contents: ReportContents) -> dict[str, Any]:
    ratio = np.asarray(contents.explained_variance_ratio, dtype=np.float64)
    shown = shown_components(len(ratio), contents.component_count)
    return {
        "each": _rounded(ratio[:shown]),
        "together": _rounded(np.cumsum(ratio)[:shown]),
        "bars": shown <= MAX_BARS,
        "componentCount": contents.component_count,
    }


def _rounded(values: Iterable[float]) -> list[float | None]:
    """Six significant digits, more than a screen can show; JSON has no NaN."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]
