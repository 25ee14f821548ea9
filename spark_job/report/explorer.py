"""What the page's script needs to draw the planes, the classes and the photographs, as JSON."""

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from spark_job.report.contents import Point, ReportContents
from spark_job.report.palette import COLOURS, LOOK_COUNT, SYMBOLS, class_name, class_styles
from spark_job.report.pictures import component_title

# SVG markers stay quick up to about this many.
MAX_POINTS = 2000


def shown_points(contents: ReportContents) -> list[Point]:
    """Return the points that the page shows: all, or MAX_POINTS of them spread evenly."""
    return [contents.points[row] for row in _rows(contents)]


def class_order(contents: ReportContents) -> list[Point]:
    """Return the points that the page shows by class, so that leaving out evenly is fair to each class."""
    return sorted(shown_points(contents), key=lambda point: point.label)


def _rows(contents: ReportContents) -> list[int]:
    count = len(contents.points)
    if count <= MAX_POINTS:
        return list(range(count))
    return [i * count // MAX_POINTS for i in range(MAX_POINTS)]


def explorer_data(contents: ReportContents, picture: Callable[[Point], str | None]) -> dict[str, Any]:
    """Return the points column by column, their classes and the titles of the axes, for the script.

    Args:
        picture: gives the photograph of a point as base64, or None where the page has no room for it.
    """
    points = shown_points(contents)
    styles = list(class_styles([point.label for point in points]).values())
    number = {style.label: i for i, style in enumerate(styles)}
    return {
        "paths": [point.path for point in points],
        "splits": [point.split for point in points],
        "labels": [point.label for point in points],
        "classes": [number[point.label] for point in points],
        "thumbnails": [picture(point) for point in points],
        "coordinates": _coordinates(contents),
        "styles": [asdict(style) | {"name": class_name(style.label)} for style in styles],
        "colours": COLOURS,
        "symbols": [asdict(symbol) for symbol in SYMBOLS],
        "axes": [component_title(contents.explained_variance_ratio, i) for i in range(3)],
    }


def explorer_facts(contents: ReportContents, picture: Callable[[Point], str | None]) -> dict[str, int]:
    """Return the numbers that the text around the planes needs."""
    points = shown_points(contents)
    dimension = contents.components.shape[1] if contents.points and contents.components.ndim == 2 else 0
    return {
        "dimension": dimension,
        "planes": min(max(dimension - 1, 1), 2),
        "shown": len(points),
        "usable": contents.image_counts.get("usable", 0),
        "classes": len({point.label for point in contents.points}),
        "looks": LOOK_COUNT,
        "without_picture": sum(bool(point.thumbnail) and picture(point) is None for point in points),
    }


def _coordinates(contents: ReportContents) -> list[list[float | None]]:
    if contents.components.ndim != 2:
        return []
    columns, rows = min(3, contents.components.shape[1]), _rows(contents)
    return [_rounded(contents.components[rows, i]) for i in range(columns)]


def _rounded(values: Iterable[float]) -> list[float | None]:
    """Return six significant digits, more than a screen can show; JSON has no NaN."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]
