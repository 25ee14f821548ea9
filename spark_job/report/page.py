"""`index.html`: one file that needs no other, whatever the size of the data."""

from typing import Any

import numpy as np
from markupsafe import Markup

from spark_job.reduction.drift import Drift
from spark_job.report import html
from spark_job.report.contents import ReportContents
from spark_job.report.explorer import explorer_data, sampled_rows, script_json
from spark_job.report.palette import LOOK_COUNT, class_name
from spark_job.report.quantities import count, percent
from spark_job.report.thumbnails import encode, encoded_length, keep_evenly

# The promise is 10 MB; the rest is for the browser's "save as" and for mail that counts differently.
MAX_PAGE_BYTES = 9_000_000

_MAX_REJECTED_ROWS = 500
_MAX_CLASS_ROWS = 1000
_MAX_COMPONENT_ROWS = 100
_MAX_ERROR_LETTERS = 300


def render_page(contents: ReportContents) -> bytes:
    """The page as UTF-8, at most MAX_PAGE_BYTES; photographs are left out evenly to keep to it."""
    rows = sampled_rows(len(contents.points))
    rejected = contents.rejected[:_MAX_REJECTED_ROWS]
    # In the order of the classes, so that each class loses its share.
    order = sorted(range(len(rows)), key=lambda i: contents.points[rows[i]].label)
    lengths = [encoded_length(contents.points[rows[i]].thumbnail) for i in order]
    lengths += [encoded_length(image.thumbnail) for image in rejected]
    bare = _render(contents, rows, [False] * len(rows), [False] * len(rejected))
    kept = keep_evenly(lengths, MAX_PAGE_BYTES - len(bare) - 100 * len(lengths))
    with_thumbnail = [False] * len(rows)
    for i, is_kept in zip(order, kept, strict=False):
        with_thumbnail[i] = is_kept
    return _render(contents, rows, with_thumbnail, kept[len(order) :])


def _render(
    contents: ReportContents, rows: list[int], with_thumbnail: list[bool], rejected_with_thumbnail: list[bool]
) -> bytes:
    plotly, script = Markup(html.plotly()), Markup(html.asset("report.js"))  # noqa: S704 - our own files
    text = html.environment().from_string(html.asset("template.html")).render(
        contents=contents,
        facts=_facts(contents, len(rows)),
        left_out=_left_out(contents, rows, with_thumbnail, rejected_with_thumbnail),
        classes=_class_rows(contents),
        class_rows_left_out=max(0, len(contents.classes) - _MAX_CLASS_ROWS),
        rejected=_rejected_rows(contents, rejected_with_thumbnail),
        component_rows=_component_rows(contents),
        drift_rows=_drift_rows(contents.drift),
        drift_components=_drift_components(contents.drift),
        stages=_stages(contents.seconds),
        style=Markup(html.asset("report.css")),  # noqa: S704 - our own file
        plotly=plotly,
        script=script,
        script_hashes=[html.hash_source(plotly), html.hash_source(script)],
        data=Markup(script_json(explorer_data(contents, rows, with_thumbnail))),  # noqa: S704 - "<" is escaped
    )  # fmt: skip
    # A name that is not UTF-8 arrives with lone surrogates; JavaScript reads \udcxx back.
    return text.encode("utf-8", "backslashreplace")


def _facts(contents: ReportContents, shown_points: int) -> dict[str, Any]:
    """Single values the text of the page needs."""
    k = contents.component_count
    ratio = contents.explained_variance_ratio
    dimension = contents.components.shape[1] if contents.components.ndim == 2 else 0
    return {
        "notes": _notes(contents),
        "dimension": dimension if contents.points else 0,
        "plane_count": min(max(dimension - 1, 1), 2),
        "feature_count": len(ratio),
        "kept_share": float(np.sum(ratio[:k])) if len(ratio) and k else None,
        "shown_points": shown_points,
        "usable": contents.images.get("usable", 0),
        "class_count": len({point.label for point in contents.points}),
        "look_count": LOOK_COUNT,
        "seconds": sum(contents.seconds.values()),
        "rejected_count": contents.images.get("rejected", len(contents.rejected)),
    }


def _notes(contents: ReportContents) -> list[str]:
    notes = list(contents.notes)
    if contents.extractor.weights.name == "random" and not any("random" in note.lower() for note in notes):
        notes.insert(0, "The weights of the network are random: the features mean nothing.")
    return notes


def _left_out(
    contents: ReportContents, rows: list[int], with_thumbnail: list[bool], rejected_with_thumbnail: list[bool]
) -> dict[str, int]:
    """How many photographs there were, and how many the page has no room for."""
    available = [bool(contents.points[row].thumbnail) for row in rows]
    rejected = [bool(image.thumbnail) for image in contents.rejected[: len(rejected_with_thumbnail)]]
    return {
        "photographs": sum(available),
        "without": sum(available) - sum(with_thumbnail),
        "rejected_without": sum(rejected) - sum(rejected_with_thumbnail),
    }


def _class_rows(contents: ReportContents) -> list[dict[str, Any]]:
    largest = max((row.usable + row.rejected for row in contents.classes), default=0) or 1
    return [
        {
            "name": class_name(row.label),
            "usable": row.usable,
            "rejected": row.rejected,
            "usable_width": 100 * row.usable / largest,
            "rejected_width": 100 * row.rejected / largest,
        }
        for row in contents.classes[:_MAX_CLASS_ROWS]
    ]


def _rejected_rows(contents: ReportContents, with_thumbnail: list[bool]) -> list[dict[str, Any]]:
    return [
        {
            "path": image.path,
            "error": image.error[:_MAX_ERROR_LETTERS] + "…" * (len(image.error) > _MAX_ERROR_LETTERS),
            "thumbnail": encode(image.thumbnail) if shown else None,
            "dropped": bool(image.thumbnail) and not shown,
        }
        for image, shown in zip(contents.rejected, with_thumbnail, strict=False)
    ]


def _component_rows(contents: ReportContents) -> list[tuple[int, float, float]]:
    """Number, share and cumulative share of the components that were kept, the first ones of many."""
    shown = min(contents.component_count, _MAX_COMPONENT_ROWS)
    each = contents.explained_variance_ratio[:shown]
    return [(i + 1, float(each[i]), float(total)) for i, total in enumerate(np.cumsum(each))]


def _drift_rows(drift: Drift | None) -> list[tuple[str, str, str]]:
    """Measure, its value for the fitted images, its value for the new ones."""
    if drift is None:
        return []
    found, usual = drift.figures(), percent(0.01)
    kept = (percent(drift.fitted_kept), percent(drift.kept))
    return [
        ("Images", count(drift.fitted_images), count(drift.images)),
        ("Variance about the fitted mean that the components hold", *kept),
        ("Variance along a component, median", "1.00", f"{found['variance_ratio']:.2f}"),
        ("Distance of the means in standard deviations, root mean square", "0", f"{found['mean_shift']:.2f}"),
        ("The largest, along one component", "0", f"{found['largest_mean_shift']:.2f}"),
        ("Reconstruction error (Q) beyond the fitted 99 % limit", usual, percent(drift.beyond_error)),
        ("Hotelling's T² beyond the fitted 99 % limit", usual, percent(drift.beyond_distance)),
    ]


def _drift_components(drift: Drift | None) -> list[tuple[int, float, float]]:
    """Number, shift and spread of the components, the first ones of many."""
    if drift is None:
        return []
    shown = range(min(len(drift.shift), _MAX_COMPONENT_ROWS))
    return [(i + 1, drift.shift[i], drift.spread[i]) for i in shown]


def _stages(seconds: dict[str, float]) -> list[dict[str, Any]]:
    total = sum(seconds.values()) or 1.0
    return [{"name": name, "seconds": value, "share": value / total} for name, value in seconds.items()]
