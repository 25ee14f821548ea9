"""What a report is made of, without HTML: text, tables, charts and photographs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from spark_job.extractors.specification import ExtractorSpecification
from spark_job.reduction.drift import Drift


@dataclass(frozen=True)
class Photograph:
    """A small JPEG with a title below it and, smaller, a note."""

    thumbnail: bytes | None
    title: str
    note: str = ""


@dataclass(frozen=True)
class Bar:
    """A bar in a cell: what was usable and what was rejected, in percent of the cell's width."""

    usable: float
    rejected: float = 0.0


class Number(str):
    """A number as it is to be read; it stands at the right side of its cell."""

    order: float | None  # what it is sorted by, as seconds; None: the number that the text begins with

    def __new__(cls, text: str, order: float | None = None) -> Self:
        number = super().__new__(cls, text)
        number.order = order
        return number


@dataclass(frozen=True)
class Link:
    """A text that leads to another page."""

    text: str
    href: str


Cell = str | int | float | Bar | Photograph | Link


@dataclass(frozen=True)
class Table:
    """Rows of cells as they are to be read; the first cell names its row, numbers stand at the right."""

    caption: str
    columns: Sequence[str]  # names; none for a table of facts, each a name and a value
    rows: Sequence[Sequence[Cell]]
    total: Sequence[Cell] = ()  # a last row, set off from the others
    style: str = ""  # one of the stylesheet's classes for tables
    summary: str = ""  # what opens the table when it is clicked; empty: it stands open


@dataclass(frozen=True)
class Columns:
    """Tables beside each other where there is room."""

    tables: Sequence[Table]


@dataclass(frozen=True)
class Gallery:
    """Photographs side by side."""

    caption: str
    photographs: Sequence[Photograph]


@dataclass(frozen=True)
class Command:
    """A shell command with a button that copies it."""

    title: str
    text: str


class Placeholder(str):
    """A sentence where something would stand in another report."""


@dataclass(frozen=True)
class Chart:
    """A chart of plotly.js."""

    caption: str  # what is seen, for those who cannot see it too
    # plotly's traces, JSON types; the page gives colours, font and axes that fit light and dark
    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any] = field(default_factory=dict)
    photographs: Sequence[Photograph] = ()  # shown beside the pointer; `customdata` of a point is its index
    png: Callable[[], bytes] | None = None  # draws it as a file for slides, beside the page
    name: str = "chart"  # of that file, without extension


@dataclass(frozen=True)
class RejectedImage:
    """An image that could not be used; `thumbnail` is a small JPEG of what could still be decoded."""

    path: str
    error: str
    thumbnail: bytes | None = None


@dataclass(frozen=True)
class Point:
    """One image on the factor planes; `thumbnail` is a small JPEG."""

    path: str
    label: str
    split: str
    thumbnail: bytes | None = None


@dataclass(frozen=True)
class ReportContents:
    """Everything a report of a run shows; as a block, its factor planes with search and selection."""

    run_id: str
    created: str
    command: str  # the shell command that repeats the run
    extractor: ExtractorSpecification
    parameters: dict[str, str]
    versions: dict[str, str]
    image_counts: dict[str, int]  # `listed`, `usable`, `rejected`, `skipped`
    seconds: dict[str, float]
    images_per_second: float
    component_count: int  # k, how many were kept
    explained_variance_ratio: np.ndarray  # (d,) float64, descending; empty when nothing was reduced
    points: list[Point]  # a sample of the usable images, balanced over classes; 2,000 SVG markers are quick
    components: np.ndarray  # (len(points), k) float32, their principal components
    classes: Sequence[tuple[str, int, int]] = ()  # label, usable and rejected images of each class
    rejected: list[RejectedImage] = field(default_factory=list)  # the first ones
    skipped: dict[str, int] = field(default_factory=dict)  # reason -> number of files
    notes: list[str] = field(default_factory=list)  # sentences a reader must not miss
    drift: Drift | None = None  # None: the reduction was fitted on these images
    cost_usd: float | None = None  # of the run's nodes so far, on demand; None: not known
    in_index: bool = True  # whether it links to the index of all runs; one in S3 is read where it was fetched

    @property
    def dimension(self) -> int:
        """How many components the points have; 0 when there are no points or nothing was reduced."""
        return self.components.shape[1] if self.points else 0

    @property
    def kept_share(self) -> float:
        """The share of the variance that the kept components hold together, 0 to 1."""
        return float(np.sum(self.explained_variance_ratio[: self.component_count]))


Block = str | Table | Columns | Gallery | Command | Placeholder | Chart | ReportContents


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, paragraphs as strings; `name`: in links, empty for its number."""

    heading: str
    blocks: Sequence[Block]
    name: str = ""


@dataclass(frozen=True)
class Document:
    """A report."""

    title: str  # as `Classifier`
    subtitle: str  # one line: of what, by what
    tiles: Mapping[str, str]  # the figures that matter, name -> value as it is to be read
    sections: Sequence[Section]
    notes: Sequence[str] = ()  # sentences a reader must not miss
    parameters: Mapping[str, str] = field(default_factory=dict)
    eyebrow: str = ""  # what kind of work it is, in small letters above the title
    in_index: bool = True  # of all runs, which it links to
    main_section: str = ""  # the name of the section that a reader of the keyboard may skip to
