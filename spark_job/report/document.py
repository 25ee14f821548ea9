"""The report of an analysis: sections of text, figures, tables, charts and photographs, as one page.

The pipeline's own report (`page.py`) is a page for itself; this is the plain form that all analyses share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from markupsafe import Markup

from spark_job.report import html
from spark_job.report.explorer import script_json
from spark_job.report.page import MAX_PAGE_BYTES
from spark_job.report.thumbnails import encode, encoded_length, keep_evenly


@dataclass(frozen=True)
class Table:
    """Rows of cells as they are to be read; a number given as a number is set to the right."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int | float]]


@dataclass(frozen=True)
class Photograph:
    """A small JPEG with a title below it and, smaller, a note."""

    thumbnail: bytes | None
    title: str
    note: str = ""


@dataclass(frozen=True)
class Gallery:
    """Photographs side by side."""

    caption: str
    photographs: Sequence[Photograph]


@dataclass(frozen=True)
class Chart:
    """A chart of plotly.js.

    Attributes:
        caption: what is seen, for those who cannot see it too.
        data: plotly's traces, JSON types; the page gives colours, font and axes that fit light and dark.
        layout: plotly's layout.
        photographs: shown beside the pointer; a point's `customdata` is an index into them.
        png: the same chart as a file for slides, written beside the page; None for none.
        name: of that file, without extension.
    """

    caption: str
    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any] = field(default_factory=dict)
    photographs: Sequence[Photograph] = ()
    png: bytes | None = None
    name: str = "chart"


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, in order: paragraphs are plain strings."""

    heading: str
    blocks: Sequence[str | Table | Gallery | Chart]


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        title: as `Classifier`.
        subtitle: one line: of what, by what.
        tiles: the figures that matter, name -> value as it is to be read.
        sections: in order.
        notes: sentences a reader must not miss.
        parameters: option -> value.
    """

    title: str
    subtitle: str
    tiles: Mapping[str, str]
    sections: Sequence[Section]
    notes: Sequence[str] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class IndexEntry:
    """A finished run in the results' index; `report` is relative to the index."""

    run_id: str
    kind: str
    created: str
    parents: Sequence[str]
    report: str


def render_document(document: Document, parents: Sequence[str] = ()) -> dict[str, bytes]:
    """File name -> bytes: `index.html`, below 10 MB, and the charts' PNG files.

    Args:
        parents: URIs of the runs that were read; their reports are linked.
    """
    photographs = _photographs(document)
    bare = _render(document, parents, set())
    budget = MAX_PAGE_BYTES - len(bare) - 100 * len(photographs)
    kept = keep_evenly([encoded_length(one.thumbnail) for one in photographs], budget)
    shown = {id(one) for one, is_kept in zip(photographs, kept, strict=True) if is_kept}
    files = {"index.html": _render(document, parents, shown)}
    for section in document.sections:
        for block in section.blocks:
            if isinstance(block, Chart) and block.png is not None:
                files[f"{block.name}.png"] = block.png
    return files


def render_index(entries: Sequence[IndexEntry]) -> bytes:
    """The page that lists finished runs, with links to their reports."""
    text = (
        html.environment()
        .from_string(html.asset("index.html"))
        .render(entries=entries, style=Markup(html.asset("report.css")))  # noqa: S704 - our own file
    )
    return text.encode("utf-8", "backslashreplace")


def _photographs(document: Document) -> list[Photograph]:
    found: list[Photograph] = []
    for section in document.sections:
        for block in section.blocks:
            if isinstance(block, Gallery | Chart):
                found += block.photographs
    return found


def _render(document: Document, parents: Sequence[str], shown: set[int]) -> bytes:
    charts = [b for section in document.sections for b in section.blocks if isinstance(b, Chart)]
    # A page without charts does without 4 MB of plotly.js.
    scripts = [Markup(html.plotly()), Markup(html.asset("document.js"))] if charts else []  # noqa: S704
    text = (
        html.environment()
        .from_string(html.asset("document.html"))
        .render(
            document=document,
            sections=[_section(one, shown, charts) for one in document.sections],
            without=sum(1 for one in _photographs(document) if one.thumbnail and id(one) not in shown),
            parents=[_parent(uri) for uri in parents],
            style=Markup(html.asset("report.css")),  # noqa: S704 - our own file
            scripts=scripts,
            script_hashes=[html.hash_source(script) for script in scripts],
            data=Markup(script_json({"charts": [_chart(one, shown) for one in charts]})),  # noqa: S704
        )
    )
    # A name that is not UTF-8 arrives with lone surrogates.
    return text.encode("utf-8", "backslashreplace")


def _section(section: Section, shown: set[int], charts: list[Chart]) -> dict[str, Any]:
    return {"heading": section.heading, "blocks": [_block(one, shown, charts) for one in section.blocks]}


def _block(block: str | Table | Gallery | Chart, shown: set[int], charts: list[Chart]) -> dict[str, Any]:
    if isinstance(block, str):
        return {"kind": "text", "text": block}
    if isinstance(block, Table):
        return {"kind": "table", **asdict(block)}
    if isinstance(block, Gallery):
        pictures = [_photograph(one, shown) for one in block.photographs]
        return {"kind": "gallery", "caption": block.caption, "photographs": pictures}
    number = next(number for number, chart in enumerate(charts) if chart is block)
    return {"kind": "chart", "caption": block.caption, "number": number}


def _photograph(photograph: Photograph, shown: set[int]) -> dict[str, str | None]:
    picture = encode(photograph.thumbnail) if id(photograph) in shown else None
    return {"thumbnail": picture, "title": photograph.title, "note": photograph.note}


def _chart(chart: Chart, shown: set[int]) -> dict[str, Any]:
    pictures = [_photograph(one, shown) for one in chart.photographs]
    return {"data": list(chart.data), "layout": dict(chart.layout), "photographs": pictures}


def _parent(uri: str) -> dict[str, str]:
    """Its report, as seen from this one when both lie in one folder; else by its URI."""
    name = uri.rstrip("/").rpartition("/")[2]
    return {"name": name, "uri": uri, "report": f"../../{name}/report/index.html"}
