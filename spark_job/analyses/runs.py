"""The runs of an analysis: those that it reads, their tables and photographs; and the one that it writes."""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
import pyarrow as pa
from pyspark import SparkContext

from spark_job.arrow_tables import part_uris
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.contract.manifest import RUN, Manifest, is_number
from spark_job.contract.run_options import ImageLimits, check_run_id
from spark_job.contract.uris import is_s3, normalise
from spark_job.features.table import read_usable
from spark_job.images.labels import LABEL
from spark_job.images.listing import IMAGE_COLUMNS, ListedFile, listed_files
from spark_job.images.reading import thumbnails
from spark_job.images.sampling import Sample
from spark_job.pipeline.run_folder import RunFolder, complete_runs
from spark_job.reduction.mllib_files import load_model
from spark_job.reduction.principal_components import Reduction
from spark_job.reduction.tables import ARRAY_COLUMN
from spark_job.report.document import Document, Gallery, Photograph
from spark_job.report.page import render_document
from spark_job.storage import Folder

# The figures that analyses take from `metrics.json` of a run; those of MAYBE may be missing.
FIGURES = (
    *("images.listed", "images.usable", "images.rejected", "images.skipped", "features.length"),
    "seconds.total",
)
MAYBE = ("features.images_per_second", "reduction.components", "reduction.explained_variance_ratio")
MAX_DRAWN_BYTES = 128 * 1024**2
Shown = tuple[ListedFile, str, str]  # an image, its title, a note


@dataclass(frozen=True)
class SourceRun:
    """A finished run, never changed; its manifest's `kind` says which command made it."""

    folder: RunFolder
    manifest: Manifest
    metrics: dict[str, Any]
    label: str = LABEL  # the column of its tables that says the class

    @classmethod
    def open(cls, uri: str, *kinds: str, label: str | None = None) -> "SourceRun":
        """Open a finished run of one of these kinds, by default `run`; MisuseError: there is none such."""
        folder = RunFolder(normalise(uri))
        manifest = folder.read_manifest()
        if manifest is None:
            raise MisuseError(f"{uri} {_what_it_is(folder)}")
        wanted = kinds or (RUN,)
        if manifest.kind not in wanted:
            raise MisuseError(
                f"{uri} was made by `{manifest.kind}`; this needs one made by `{'` or `'.join(wanted)}`"
            )
        source = cls(folder, manifest, folder.read_metrics(), label or LABEL)
        if manifest.kind == RUN and (wrong := wrong_figure(source.metrics)):
            raise MisuseError(
                f"{uri}: {layout.METRICS} is not that of a run ({wrong}): "
                "name the folder of a run as it was made"
            )
        if source.label not in (LABEL, *(columns := source.label_columns())):
            there = f"it has {', '.join(columns)}" if columns else "it was made without --labels TABLE"
            raise MisuseError(f"--label {label}: {uri} has no such column of labels; {there}")
        return source

    @property
    def label_column(self) -> str:
        """The column of the table of labels that is the class; empty: the run had no table."""
        default = str((self.metrics.get("labels") or {}).get("label", ""))
        return default if self.label == LABEL else self.label

    def label_columns(self) -> list[str]:
        return [str(name) for name in (self.metrics.get("labels") or {}).get("columns", ())]

    @property
    def uri(self) -> str:
        return self.folder.uri

    @property
    def run_id(self) -> str:
        return self.manifest.run_id

    @property
    def limits(self) -> ImageLimits:
        """The limits beyond which the run rejected images; those of today if its manifest says none."""
        said = self.manifest.parameters.get("limits")
        known = said if isinstance(said, Mapping) else {}
        names = (one.name for one in fields(ImageLimits))
        return ImageLimits(**{name: known[name] for name in names if is_number(known.get(name))})

    def reduction(self) -> Reduction:
        """Read the PCA that made the components; MisuseError: the run found no images and has none."""
        fitted = self.folder.read_json(layout.FIT)
        if fitted is None:
            raise MisuseError(f"{self.uri} holds no reduction: it found no images; name a run that did")
        ratio = np.asarray(fitted["explained_variance_ratio"])
        return load_model(self.folder.at(layout.MODEL), fitted["images"], ratio)


@dataclass(frozen=True)
class VectorTable:
    """A table of a finished run with a vector for each usable image."""

    parts: tuple[str, ...]  # URIs, in order
    column: str  # holds the vectors, of this length
    length: int
    label: str = LABEL  # the column that says the class

    @classmethod
    def features(cls, run: SourceRun) -> Self:
        """Return the features; MisuseError: the run has none, because it found no images."""
        return cls._of(run, layout.FEATURES, "features", run.metrics["features"]["length"])

    @classmethod
    def components(cls, run: SourceRun) -> Self:
        """Return the components; MisuseError: the run has none, because it found no images."""
        return cls._of(run, layout.COMPONENTS, ARRAY_COLUMN, run.metrics["reduction"]["components"])

    @classmethod
    def _of(cls, run: SourceRun, table: str, column: str, length: int | None) -> Self:
        parts = part_uris(run.folder.at(table))
        if not parts or not length:
            raise MisuseError(f"{run.uri} holds no {table}: it found no images; name a run that did")
        return cls(tuple(parts), column, length, run.label)

    def rows(self, uri: str) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """Yield the rows of a part in batches: IMAGE_COLUMNS, and the vectors as (n, length)."""
        return read_usable(uri, self.length, IMAGE_COLUMNS, self.column, self.label)

    def draw_images(self, most: int, seed: int) -> tuple[list[ListedFile], np.ndarray]:
        """Draw images evenly, by path, and their (n, length) float32 vectors, of 128 MiB at most."""
        quota = max(1, min(most, MAX_DRAWN_BYTES // (4 * self.length)))
        sample = Sample[tuple[ListedFile, np.ndarray]]({"": quota}, seed)
        for uri in self.parts:
            for batch, rows in self.rows(uri):
                for image, row in zip(listed_files(batch), rows.astype(np.float32), strict=True):
                    sample.offer("", image.path, (image, row))
        images, taken = zip(*sample.items(), strict=True)
        return list(images), np.stack(taken)


def _what_it_is(folder: RunFolder) -> str:
    """Say of a folder that is no finished run what it is, and what to name or to do."""
    if folder.is_empty():
        return "is no folder, or an empty one: name RESULTS/RUN_ID"
    if runs := complete_runs(folder):
        newest = max(runs, key=lambda run: run[1].created)[0]
        return f"is a folder of runs, not a run: name one of them, as {newest.uri}"
    begun = folder.read_json(layout.PARAMETERS)
    if begun is None:
        return f"holds no run (it has no {layout.MANIFEST}): name RESULTS/RUN_ID"
    finish = "" if "kind" in begun else "finish it (`fruit run` with --run-id and --resume), or "
    return f"holds a run that is not finished: {finish}name another"


def wrong_figure(metrics: Mapping[str, Any]) -> str | None:
    """Return what analyses cannot work with in the figures of a run that somebody else may have written."""
    for name in ("images", "features", "reduction", "seconds"):
        if not isinstance(metrics.get(name), Mapping):
            return f"it has no figures named {name}"
    for figure in (*FIGURES, *MAYBE, *(f"seconds.{name}" for name in metrics["seconds"])):
        group, name = figure.split(".", 1)
        value = metrics[group].get(name)
        if not is_number(value) and not (figure in MAYBE and value is None):
            return f"{figure} is {value!r}, no number"
    if not isinstance(metrics["reduction"].get("standardized"), bool | None):
        return "reduction.standardized is neither true nor false"
    labels = metrics.get("labels")
    if labels is not None and not (isinstance(labels, Mapping) and isinstance(labels.get("columns"), list)):
        return "labels has no list of columns"
    return None


def directions(rows: np.ndarray) -> np.ndarray:
    """Scale rows of (n, d) to length 1, so that their products are cosines; a row of length 0 stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1))


def galleries(groups: Iterable[tuple[str, Sequence[Shown]]], limits: ImageLimits) -> list[Gallery]:
    """Return a gallery for each caption and its images; all files are read in one go."""
    listed = list(groups)
    pictures = thumbnails([image for _, shown in listed for image, _, _ in shown], limits)
    return [
        Gallery(caption, [Photograph(next(pictures), title, note) for _, title, note in shown])
        for caption, shown in listed
    ]


Lines = Sequence[tuple[str, str]]  # (label, figures)
OpenSpark = Callable[[], SparkContext]  # called when Spark is needed
Say = Callable[[str], None]  # prints a line of progress


@dataclass(frozen=True)
class Summary:
    """What an analysis found, and where it lies."""

    lines: Lines  # for a person; a label that is empty continues the line above
    content: Mapping[str, Any]  # for a program, JSON types

    def and_then(self, advice: str) -> "Summary":
        return replace(self, lines=[*self.lines, ("next", advice)])

    def as_text(self) -> str:
        """Return the lines, their figures below each other."""
        width = 2 + max(8, *(len(label) for label, _ in self.lines))
        text = "\n".join(f"{label:<{width}}{figures}" for label, figures in self.lines)
        return text.replace("\N{NO-BREAK SPACE}", " ")  # a terminal's reader searches for plain spaces

    def as_json(self) -> str:
        return json.dumps(self.content, indent=2, ensure_ascii=False)


class AnalysisRun:
    """`RESULTS/RUN_ID/` of an analysis."""

    def __init__(
        self,
        kind: str,
        results: str,
        parents: Sequence[SourceRun],
        parameters: Mapping[str, Any],
        run_id: str | None = None,
    ) -> None:
        """Claim the folder of a new run; MisuseError: the id is no name, or something is there."""
        self._started, self._kind, self._parameters = time.monotonic(), kind, parameters
        # Two of a kind may begin within a second.
        self.run_id = run_id or f"{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        check_run_id(self.run_id)
        self._results = Folder(normalise(results))
        self._parents = [parent.uri for parent in parents]
        self.folder = RunFolder(self._results.child(self.run_id))
        if not self.folder.is_empty():
            raise MisuseError(
                f"{self.folder.uri} is not empty; runs are never overwritten: choose another --run-id"
            )
        begun = {"kind": kind, "parents": self._parents, "parameters": dict(parameters)}
        self.folder.write_json(layout.PARAMETERS, begun)

    def finish(
        self,
        metrics: Mapping[str, Any],
        document: Document,
        findings: Lines = (),
        outputs: Mapping[str, bytes] | None = None,
    ) -> Summary:
        """Write the small files `outputs`, report, metrics, manifest and the index of runs, in this order."""
        folder = self.folder
        for name, content in (outputs or {}).items():
            folder.write(name, content)
        shown = replace(document, parameters=for_people(self._parameters), in_index=not is_s3(folder.uri))
        for name, content in render_document(shown, self._parents).items():
            folder.write(f"{layout.REPORT}/{name}", content)
        seconds = time.monotonic() - self._started
        figures = {**metrics, "seconds": {"total": seconds}}
        folder.complete(
            self._results,
            figures,
            run_id=self.run_id,
            kind=self._kind,
            parents=tuple(self._parents),
            parameters=self._parameters,
            outputs=tuple(sorted({layout.METRICS, *folder.names()} - {layout.PARAMETERS, layout.MANIFEST})),
        )
        places = {"results": folder.uri, "report": folder.child(f"{layout.REPORT}/index.html")}
        return Summary(
            [*findings, ("time", f"{seconds:.1f} s"), *places.items()],
            {"kind": self._kind, "run_id": self.run_id, **places, "metrics": figures},
        )


def for_people(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters as reports show them, without those that were not given."""
    shown: dict[str, str] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            shown |= for_people(value)
        elif value not in (None, [], ()):
            words = "yes" if value is True else "no" if value is False else str(value)
            shown[name.replace("_", " ")] = (
                ", ".join(map(str, value)) if isinstance(value, list | tuple) else words
            )
    return shown
