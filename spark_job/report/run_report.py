"""The report of a run: from what the pipeline found to a document, and the files beside its page."""

import re
from collections.abc import Iterator

import numpy as np

from spark_job.contract import run_layout as layout
from spark_job.contract.foreign_texts import spreadsheet_cell
from spark_job.report.document import (
    Bar,
    Block,
    Cell,
    Columns,
    Command,
    Document,
    Explorer,
    Number,
    Photograph,
    Placeholder,
    Point,
    ReportContents,
    Section,
    Table,
    count,
    duration,
    percent,
    speed,
)
from spark_job.report.page import render_document
from spark_job.report.palette import class_name
from spark_job.report.pictures import plane_png
from spark_job.report.reduction_sections import drift_blocks, kept_share, variance_blocks

MAX_REJECTED_ROWS = 500
_NO_PLANES = Placeholder("Nothing was reduced in this run, so there are no planes to show.")
MAX_CLASS_ROWS = 1000
MAX_ERROR_LETTERS = 300
# What ends a line or a column for one reader or another (str.splitlines and JavaScript's \s).
_SEPARATORS = re.compile(r"[\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def render_report(contents: ReportContents) -> dict[str, bytes]:
    """Return file name -> bytes.

    `index.html` is always there and below 10 MB. `explained_variance.png` needs a reduction,
    `plane_1_2.png` and `plane_2_3.png` need points with two or three components, `components.tsv`
    and `metadata.tsv` (TensorBoard Embedding Projector) need points with one.

    Raises:
        ValueError: `components` does not have one row for each point.
    """
    if len(contents.components) != len(contents.points):
        raise ValueError(f"{len(contents.components)} rows of components, {len(contents.points)} points")
    files = render_document(run_document(contents))
    for first in range(min(contents.dimension - 1, 2)):
        files[f"plane_{first + 1}_{first + 2}.png"] = plane_png(contents, first, first + 1)
    if contents.dimension:
        files[layout.PROJECTOR_VECTORS] = components_tsv(contents.components)
        files[layout.PROJECTOR_NAMES] = metadata_tsv(contents.points)
    return files


def run_document(contents: ReportContents) -> Document:
    """Return what the page of a run shows."""
    usable = contents.image_counts.get("usable", 0)
    return Document(
        title=f"Run {contents.run_id}",
        subtitle=f"{contents.extractor.name} · {_counted(usable, 'photograph')} · {contents.created}",
        eyebrow="Feature extraction and principal components",
        tiles=_tiles(contents),
        notes=_notes(contents),
        sections=[
            Section("What was run", _origin(contents), "run"),
            Section("Explained variance", variance_blocks(contents), "variance"),
            *([Section("Drift", drift_blocks(contents.drift), "drift")] if contents.drift else []),
            Section("Factor planes", [Explorer(contents) if contents.dimension else _NO_PLANES], "planes"),
            Section("Images and classes", _classes(contents), "images"),
            Section("Rejected images", list(_rejected(contents)), "rejected"),
            Section("Timings", _timings(contents), "timings"),
        ],
        main_section="planes",
    )


def _counted(number: int, noun: str) -> str:
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _rejected_count(contents: ReportContents) -> int:
    return contents.image_counts.get("rejected", len(contents.rejected))


def _tiles(contents: ReportContents) -> dict[str, str]:
    counts = contents.image_counts
    tiles = {
        "Images listed": count(counts.get("listed", 0)),
        "Usable": count(counts.get("usable", 0)),
        "Rejected": count(_rejected_count(contents)),
        **({"Damaged in part": count(damaged)} if (damaged := counts.get("damaged", 0)) else {}),
        "Files skipped": count(counts.get("skipped", 0)),
        "Features an image": count(contents.extractor.feature_length),
    }
    if contents.component_count and len(contents.explained_variance_ratio):
        kept = _counted(contents.component_count, "component")
        tiles[f"Variance kept by {kept}"] = percent(kept_share(contents))
    tiles["Images a second"] = speed(contents.images_per_second)
    tiles["Time"] = duration(sum(contents.seconds.values()))
    if contents.cost_usd is not None:
        tiles["Cost of the nodes so far"] = f"{contents.cost_usd:.2f} USD"
    return tiles


def _notes(contents: ReportContents) -> list[str]:
    notes = list(contents.notes)
    if contents.extractor.weights.name == "random" and not any("random" in note.lower() for note in notes):
        notes.insert(0, "The weights of the network are random: the features mean nothing.")
    return notes


def _origin(contents: ReportContents) -> list[Block]:
    extractor, weights = contents.extractor, contents.extractor.weights
    seed = "" if weights.random_seed is None else f" (seed {weights.random_seed})"
    model = {
        "Network": extractor.name,
        "Input": f"{extractor.width} × {extractor.height} pixels, {extractor.channel_order}",
        "Output": f"{count(extractor.feature_length)} features",
        "Network parameters": count(extractor.parameters) if extractor.parameters else "",
        "Weights": weights.name + seed,
        "Source": weights.source,
        "Licence": weights.license,
        "SHA-256 of the weights": weights.sha256 or "",
    }
    facts = {
        "Model": {name: value for name, value in model.items() if value},
        "Parameters": contents.parameters,
        "Versions": contents.versions,
    }
    tables = [Table(caption, (), list(rows.items())) for caption, rows in facts.items() if rows]
    return [Command("The command that repeats this run", contents.command), Columns(tables)]


def _classes(contents: ReportContents) -> list[Block]:
    if not contents.classes:
        return [Placeholder("There are no classes to count."), *_skipped(contents)]
    largest = max(row.usable + row.rejected for row in contents.classes) or 1
    rows: list[list[Cell]] = []
    for row in contents.classes[:MAX_CLASS_ROWS]:
        bar = Bar(100 * row.usable / largest, 100 * row.rejected / largest)
        rows.append([class_name(row.label), Number(count(row.usable)), Number(count(row.rejected)), bar])
    more = len(contents.classes) - len(rows)
    caption = "Images of each class" + (f"; {count(more)} more classes are not shown" if more else "")
    table = Table(caption, ["Class", "Usable", "Rejected", "As bars"], rows, style="counts")
    return [Columns([table, *_skipped(contents)])]


def _skipped(contents: ReportContents) -> list[Table]:
    rows = [(reason, Number(count(files))) for reason, files in contents.skipped.items()]
    return [Table("Files that were skipped", ["Reason", "Files"], rows)] if rows else []


def _rejected(contents: ReportContents) -> Iterator[Block]:
    total, shown = _rejected_count(contents), contents.rejected[:MAX_REJECTED_ROWS]
    if not total and not shown:
        yield Placeholder("No image was rejected.")
    elif len(shown) < total and shown:
        yield f"The first {count(len(shown))} of {count(total)} images that could not be used."
    else:
        yield f"{_counted(total, 'image')} could not be used."
    rows: list[list[Cell]] = []
    for image in shown:
        reason = image.error[:MAX_ERROR_LETTERS] + "…" * (len(image.error) > MAX_ERROR_LETTERS)
        rows.append([Photograph(image.thumbnail, "what could be decoded"), image.path, reason])
    if rows:
        caption = "Rejected images with their reasons"
        yield Table(caption, ["Picture", "Name", "Reason"], rows, style="rejected")


def _timings(contents: ReportContents) -> list[Block]:
    if not contents.seconds:
        return [Placeholder("No stage was timed.")]
    total = sum(contents.seconds.values())
    rows: list[list[Cell]] = []
    for name, seconds in contents.seconds.items():
        time, share = Number.ordered(duration(seconds), seconds), seconds / (total or 1)
        rows.append([name, time, Number(percent(share)), Bar(100 * share)])
    caption = f"Time of each stage; {speed(contents.images_per_second)} images a second"
    together = ["Together", Number(duration(total)), "", ""]
    return [Table(caption, ["Stage", "Time", "Share", "As a bar"], rows, together)]


def components_tsv(components: np.ndarray) -> bytes:
    """Return (n, k) float32 as n lines of k numbers, with the 9 digits that give float32 back exactly.

    For the TensorBoard Embedding Projector, https://projector.tensorflow.org/ ("Load"): tab-separated, a line
    for each point, without a header.
    """
    lines = ("\t".join(f"{value:.9g}" for value in row) + "\n" for row in components)
    return "".join(lines).encode()


def metadata_tsv(points: list[Point]) -> bytes:
    """Return a header line, and a line of label, split and path for each point, for the same projector."""
    rows = [("label", "split", "path"), *((class_name(one.label), one.split, one.path) for one in points)]
    lines = ("\t".join(spreadsheet_cell(_SEPARATORS.sub(" ", cell)) for cell in row) for row in rows)
    text = "".join(f"{line}\n" for line in lines)
    # A name that is not UTF-8 arrives with lone surrogates, which cannot be encoded.
    return text.encode("utf-8", "backslashreplace")
