"""One file for a whole report, and one for the list of runs: each needs no other and stays below 10 MB."""

import base64
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib import resources
from typing import Any, TypeVar
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from spark_job.contract.manifest import RunFigures
from spark_job.contract.uris import last_name
from spark_job.report import document as blocks
from spark_job.report import palette, words

MAX_PAGE_BYTES = 9_000_000  # 10 MB are promised; "save as" and mail count differently
MARKUP_LENGTH = 100  # characters of HTML around each photograph
COLUMNS = (
    *("Run", "Made by", "Created (UTC)", "Images", "Rejected", "Components", "Variance", "Model"),
    *("Accuracy", "Images a second", "Time", "Made from"),
)
EXPLAINED = (
    "Variance is the share that the components keep. Accuracy is that of a classifier on its test images: a "
    "run shows that of the newest train that was made from it. Images a second counts the images whose "
    "features were computed."
)
COST = "USD"  # a column where a run has one
COST_EXPLAINED = (
    f" {COST}, of runs on AWS, is what the nodes had cost when the run was complete, on demand; the command "
    "fruit runs also counts the end of the cluster."
)
Kind = TypeVar("Kind")
Picture = Callable[[blocks.Photograph | blocks.Point], str | None]  # base64; None: there is no room for it


def _explorer(contents: blocks.ReportContents, picture: Picture) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the points column by column, for the script of the page, and numbers for its texts."""
    points = contents.points
    pictures = [picture(point) for point in points]
    styles = list(palette.class_styles([point.label for point in points]).values())
    number = {style.label: i for i, style in enumerate(styles)}
    # six significant digits, more than a screen can show; JSON has no NaN
    coordinates = [
        [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]
        for values in contents.components[:, :3].T
    ]
    data = {
        "paths": [point.path for point in points],
        "splits": [point.split for point in points],
        "labels": [point.label for point in points],
        "classes": [number[point.label] for point in points],
        "thumbnails": pictures,
        "coordinates": coordinates,
        "styles": [asdict(style) | {"name": words.class_name(style.label)} for style in styles],
        "colours": palette.COLOURS,
        "symbols": [asdict(symbol) for symbol in palette.SYMBOLS],
        "axes": [words.component_title(contents.explained_variance_ratio, i) for i in range(3)],
    }
    facts = {
        "dimension": contents.dimension,
        "planes": min(max(contents.dimension - 1, 1), 2),
        "shown": len(points),
        "usable": contents.image_counts["usable"],
        "classes": len(styles),
        "looks": palette.LOOK_COUNT,
        "without_picture": sum(
            bool(point.thumbnail) and shown is None for point, shown in zip(points, pictures, strict=True)
        ),
        "with_picture": sum(shown is not None for shown in pictures),
    }
    return data, facts


def render_document(document: blocks.Document, parents: Sequence[str] = ()) -> dict[str, bytes]:
    """Return `index.html`, below 10 MB, with links to the runs that were read, and the charts' PNG files."""
    charts = {f"{one.name}.png": one.png() for one in _blocks(document, blocks.Chart) if one.png is not None}
    return {"index.html": render_page(document, parents), **charts}


def render_page(document: blocks.Document, parents: Sequence[str] = ()) -> bytes:
    """Return the page as UTF-8, at most MAX_PAGE_BYTES; photographs are left out evenly to keep to it."""
    photographs = list(_photographs(document))
    bare = _render(document, parents, set())
    budget = MAX_PAGE_BYTES - len(bare) - MARKUP_LENGTH * len(photographs)
    kept = keep_evenly([encoded_length(one.thumbnail) for one in photographs], budget)
    return _render(document, parents, {id(one) for one, fits in zip(photographs, kept, strict=True) if fits})


def _blocks(document: blocks.Document, kind: type[Kind]) -> list[Kind]:
    every = (block for section in document.sections for block in section.blocks)
    return [block for block in every if isinstance(block, kind)]


def _photographs(document: blocks.Document) -> Iterator[blocks.Photograph | blocks.Point]:
    """Yield the photographs in an order in which leaving out every n-th is fair to all classes."""
    for contents in _blocks(document, blocks.ReportContents):
        yield from sorted(contents.points, key=lambda point: point.label)
    for chart in _blocks(document, blocks.Chart):
        yield from chart.photographs
    for gallery in _blocks(document, blocks.Gallery):
        yield from gallery.photographs
    for table in _blocks(document, blocks.Table):
        yield from (cell for row in table.rows for cell in row if isinstance(cell, blocks.Photograph))


def _render(document: blocks.Document, parents: Sequence[str], shown: set[int]) -> bytes:
    def picture(photograph: blocks.Photograph | blocks.Point) -> str | None:
        return encode(photograph.thumbnail) if id(photograph) in shown else None

    charts, commands = _blocks(document, blocks.Chart), _blocks(document, blocks.Command)
    explorers = [_explorer(one, picture) for one in _blocks(document, blocks.ReportContents)]
    points, facts = explorers[0] if explorers else (None, None)
    scripts: list[Markup] = []
    if drawn := bool(charts or explorers):  # a page without charts does without 4 MB of plotly.js
        plotly = resources.files("plotly").joinpath("package_data", "plotly.min.js").read_text("utf-8")
        scripts.append(Markup(plotly))  # noqa: S704 - no `</script`, a test looks
    if drawn or commands:
        scripts.append(_asset("report.js"))
    if any(_blocks(document, kind) for kind in (blocks.Table, blocks.Columns)):
        scripts.append(_asset("tables.js"))
    pictured = [one for one in _photographs(document) if isinstance(one, blocks.Photograph) and one.thumbnail]
    plotted = []
    for chart in charts:
        shown_beside = [
            {"thumbnail": picture(one), "title": one.title, "note": one.note} for one in chart.photographs
        ]
        plotted.append({"data": list(chart.data), "layout": dict(chart.layout), "photographs": shown_beside})
    data = {"charts": plotted, "explorer": points}
    json_text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    hashes = (hashlib.sha256(script.encode()).digest() for script in scripts)
    text = (
        _environment()
        .get_template("document.html")
        .render(
            document=document,
            kind_of=lambda block: type(block).__name__,
            is_number=lambda cell: isinstance(cell, blocks.Number | int | float),
            chart_number=lambda chart: [id(one) for one in charts].index(id(chart)),
            parameters=blocks.Table("Parameters", (), list(document.parameters.items())),
            picture=picture,
            explorer=facts,
            left_out=sum(id(photograph) not in shown for photograph in pictured),
            parents=[(name := last_name(uri), uri, f"../../{report_link(name)}") for uri in parents],
            style=_asset("report.css"),
            drawn=drawn,
            scripts=scripts,
            # how a Content-Security-Policy names an inline script that may run
            script_hashes=[f"sha256-{base64.b64encode(digest).decode('ascii')}" for digest in hashes],
            # no `<` can end the script element or open a comment
            data=Markup(json_text.replace("<", "\\u003c")),  # noqa: S704
        )
    )
    # A name that is not UTF-8 arrives with lone surrogates; JavaScript reads \udcxx back.
    return text.encode("utf-8", "backslashreplace")


def report_link(run_id: str) -> str:
    """Return the address of a run's report, seen from the results: its colon is no scheme."""
    return f"{quote(run_id, errors='surrogateescape')}/report/index.html"


@cache
def _environment() -> Environment:
    """Return templates that escape what they are given, with the filters of the report."""
    environment = Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = words.count
    return environment


def _text(name: str) -> str:
    return resources.files("spark_job.report").joinpath("assets", name).read_text("utf-8")


def _asset(name: str) -> Markup:
    """Return a script or stylesheet of the report's own, which is not escaped."""
    return Markup(_text(name))  # noqa: S704 - our own file


def encode(thumbnail: bytes | None) -> str | None:
    """Return a JPEG as base64; None when there is none."""
    return base64.b64encode(thumbnail).decode("ascii") if thumbnail else None


def encoded_length(thumbnail: bytes | None) -> int:
    """Return the number of characters that `encode` gives."""
    return 4 * -(-len(thumbnail) // 3) if thumbnail else 0


def keep_evenly(lengths: Sequence[int], budget: int) -> list[bool]:
    """Return which items to keep, evenly, so that their lengths sum to at most `budget`; none of length 0.

    Each item adds its share of the budget to a purse, and is kept when the purse can pay for it.
    """
    total = sum(lengths)
    share = min(1.0, max(0, budget) / total) if total else 0.0
    purse, kept = 0.0, []
    for length in lengths:
        purse += length * share
        kept.append(0 < length <= purse + 0.5)  # half a character for the rounding of the sums
        purse -= length if kept[-1] else 0
    return kept


def render_index(runs: Mapping[str, RunFigures]) -> bytes:
    """Return the page of finished runs, by folder, in the order given, with links to their reports."""
    has_costs = any(run.cost_usd is not None for run in runs.values())
    rows, columns, explained = [_row(*one) for one in runs.items()], [*COLUMNS], EXPLAINED
    if has_costs:
        columns, explained = [*columns, COST], explained + COST_EXPLAINED
        for row, run in zip(rows, runs.values(), strict=True):
            row.append(_number(run.cost_usd, "{:.2f}".format))
    shown: list[blocks.Block] = [blocks.Placeholder("There are no finished runs yet.")]
    if rows:
        shown = [explained, blocks.Table("Finished runs", columns, rows, style="runs")]
    subtitle = f"{words.count(len(runs))} finished {'run' if len(runs) == 1 else 'runs'}"
    sections = [blocks.Section("Runs", shown)]
    return render_page(blocks.Document("All runs", subtitle, {}, sections, in_index=False))


def _row(folder: str, run: RunFigures) -> list[blocks.Cell]:
    return [
        blocks.Link(folder, report_link(folder)),
        run.kind,
        blocks.Number(run.created_text, run.created.timestamp() if run.created else None),
        *(_number(value, words.count) for value in (run.images, run.rejected, run.components)),
        _number(run.explained_variance_ratio, words.percent),
        run.model or "",
        _number(run.accuracy, words.percent),
        _number(run.images_per_second, words.speed),
        _number(run.seconds, words.duration),
        ", ".join(run.parents),
    ]


def _number(value: float | None, written: Callable[[float], str]) -> blocks.Number:
    return blocks.Number("") if value is None else blocks.Number(written(value), value)
