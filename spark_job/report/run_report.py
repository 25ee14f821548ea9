"""The report of a run: from what the pipeline found to a document, and the files beside its page."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from spark_job.contract import run_layout as layout
from spark_job.contract.foreign_texts import spreadsheet_cell
from spark_job.reduction.drift import Drift
from spark_job.report.charts import MAX_BARS, explained_variance_png, plane_png, shown_components
from spark_job.report.document import (
    Bar,
    Block,
    Cell,
    Chart,
    Columns,
    Command,
    Document,
    Number,
    Photograph,
    Placeholder,
    Point,
    ReportContents,
    Section,
    Table,
)
from spark_job.report.page import render_document
from spark_job.report.words import class_name, count, duration, percent, speed

MAX_COMPONENT_ROWS = 100
MAX_MARKERS = 30  # more markers than this hide the line that they stand on
_NO_PLANES = Placeholder("Nothing was reduced in this run, so there are no planes to show.")
MAX_CLASS_ROWS = 1000
MAX_ERROR_LETTERS = 300
# What ends a line or a column for one reader or another (str.splitlines and JavaScript's \s).
_SEPARATORS = re.compile(r"[\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def render_report(contents: ReportContents) -> dict[str, bytes]:
    """Return the files of a report: its page, pictures for slides, two files for the Embedding Projector."""
    files = render_document(run_document(contents))
    for first in range(min(contents.dimension - 1, 2)):
        files[f"plane_{first + 1}_{first + 2}.png"] = plane_png(contents, first, first + 1)
    if contents.dimension:
        files[layout.PROJECTOR_VECTORS] = components_tsv(contents.components)
        files[layout.PROJECTOR_NAMES] = metadata_tsv(contents.points)
    return files


def run_document(contents: ReportContents) -> Document:
    """Return what the page of a run shows."""
    usable, notes = contents.image_counts["usable"], list(contents.notes)
    if contents.extractor.weights.name == "random" and not any("random" in note.lower() for note in notes):
        notes.insert(0, "The weights of the network are random: the features mean nothing.")
    return Document(
        title=f"Run {contents.run_id}",
        subtitle=f"{contents.extractor.name} · {_counted(usable, 'photograph')} · {contents.created}",
        eyebrow="Feature extraction and principal components",
        tiles=_tiles(contents),
        notes=notes,
        sections=[
            Section("What was run", _origin(contents), "run"),
            Section("Explained variance", variance_blocks(contents), "variance"),
            *([Section("Drift", drift_blocks(contents.drift), "drift")] if contents.drift else []),
            Section("Factor planes", [contents if contents.dimension else _NO_PLANES], "planes"),
            Section("Images and classes", _classes(contents), "images"),
            Section("Rejected images", list(_rejected(contents)), "rejected"),
            Section("Timings", _timings(contents), "timings"),
        ],
        main_section="planes",
        in_index=contents.in_index,
    )


def _counted(number: int, noun: str) -> str:
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _tiles(contents: ReportContents) -> dict[str, str]:
    counts = contents.image_counts
    tiles = {
        "Images listed": count(counts["listed"]),
        "Usable": count(counts["usable"]),
        "Rejected": count(counts["rejected"]),
        **({"Damaged in part": count(damaged)} if (damaged := counts.get("damaged", 0)) else {}),
        "Files skipped": count(counts["skipped"]),
        "Features an image": count(contents.extractor.feature_length),
    }
    if contents.component_count and len(contents.explained_variance_ratio):
        kept = _counted(contents.component_count, "component")
        tiles[f"Variance kept by {kept}"] = percent(contents.kept_share)
    tiles["Images a second"] = speed(contents.images_per_second)
    tiles["Time before this report"] = duration(sum(contents.seconds.values()))
    if contents.cost_usd is not None:
        tiles["Cost of the nodes so far"] = f"{contents.cost_usd:.2f} USD"
    return tiles


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
    skips = [(reason, Number(count(files))) for reason, files in contents.skipped.items()]
    skipped = [Table("Files that were skipped", ["Reason", "Files"], skips)] if skips else []
    if not contents.classes:
        return [Placeholder("There are no classes to count."), *skipped]
    largest = max(usable + rejected for _, usable, rejected in contents.classes) or 1
    rows: list[list[Cell]] = []
    for label, usable, rejected in contents.classes[:MAX_CLASS_ROWS]:
        bar = Bar(100 * usable / largest, 100 * rejected / largest)
        rows.append([class_name(label), Number(count(usable)), Number(count(rejected)), bar])
    more = len(contents.classes) - len(rows)
    caption = "Images of each class" + (f"; {count(more)} more classes are not shown" if more else "")
    table = Table(caption, ["Class", "Usable", "Rejected", "As bars"], rows, style="counts")
    return [Columns([table, *skipped])]


def _rejected(contents: ReportContents) -> Iterator[Block]:
    total, shown = contents.image_counts["rejected"], contents.rejected
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
    total = sum(contents.seconds.values())
    rows: list[list[Cell]] = []
    for name, seconds in contents.seconds.items():
        time, share = Number(duration(seconds), seconds), seconds / (total or 1)
        rows.append([name, time, Number(percent(share)), Bar(100 * share)])
    rate = f"{speed(contents.images_per_second)} images a second, without the start of Spark"
    caption = f"Time of each stage before this report; {rate}"
    together = ["Together", Number(duration(total)), "", ""]
    return [Table(caption, ["Stage", "Time", "Share", "As a bar"], rows, together)]


def variance_blocks(contents: ReportContents) -> list[Block]:
    """Return the chart of the explained variance, with its numbers as a table."""
    ratio, k = contents.explained_variance_ratio, contents.component_count
    if not len(ratio):
        return [Placeholder("Nothing was reduced in this run, so there is no variance to explain.")]
    kept = f"{count(k)} of {count(len(ratio))} components {'was' if k == 1 else 'were'} kept"
    hold = "it holds" if k == 1 else "together they hold"
    kept += f"; {hold} {percent(contents.kept_share)} of the variance"
    blocks: list[Block] = [f"{kept}. The dashed line marks k, the number kept.", _variance_chart(ratio, k)]
    shown = ratio[: min(k, MAX_COMPONENT_ROWS)]
    few = f"the first {len(shown)} of {count(k)} kept components" if len(shown) < k else "the kept components"
    rows: list[list[Cell]] = [
        [i, Number(percent(float(share), 2)), Number(percent(float(total), 2))]
        for i, (share, total) in enumerate(zip(shown, np.cumsum(shown), strict=True), 1)
    ]
    columns, opener = ["Component", "Share", "Together"], "The numbers as a table"
    return [*blocks, Table(f"Explained variance of {few}", columns, rows, summary=opener)]


def _variance_chart(ratio: np.ndarray, k: int) -> Chart:
    shown = shown_components(len(ratio), k)
    x, shares, together = list(range(1, shown + 1)), ratio[:shown], np.cumsum(ratio)[:shown]
    bars: dict[str, Any] = {"type": "bar"}
    area = {"type": "scatter", "mode": "lines", "fill": "tozeroy"}
    mode = "lines+markers" if shown <= MAX_MARKERS else "lines"
    hover = "%{y:.2%}"
    data: list[dict[str, Any]] = [
        {"x": x, "y": shares.tolist(), "name": "each component", "hovertemplate": hover}
        | (bars if shown <= MAX_BARS else area),
        {"x": x, "y": together.tolist(), "name": "together", "mode": mode, "hovertemplate": hover},
    ]
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "Principal component"}, "zeroline": False, "range": [0.4, shown + 0.6]}
        | ({"dtick": 1} if shown <= 20 else {}),
        "yaxis": {"title": {"text": "Share of the variance"}, "tickformat": ".0%", "range": [0, 1.03]},
        "legend": {"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.25, "yanchor": "top"},
        "hovermode": "x unified",
        "dragmode": False,
    }
    if 0 < k <= shown:
        text = f"k = {k} keeps {percent(float(together[k - 1]))}"
        anchor = "right" if k > 0.75 * shown else "left" if k < 0.25 * shown else "center"
        place = {"x": k, "y": 1, "yref": "paper", "yanchor": "bottom", "xanchor": anchor}
        layout["annotations"] = [{"text": text, "showarrow": False, **place}]
        line = {"type": "line", "x0": k, "x1": k, "y0": 0, "y1": 1, "yref": "paper"}
        layout["shapes"] = [{**line, "line": {"width": 1.5, "dash": "dash"}}]
    caption = "Explained variance of each component and of the first ones together"
    return Chart(
        caption, data, layout, png=lambda: explained_variance_png(ratio, k), name="explained_variance"
    )


def drift_blocks(drift: Drift) -> list[Block]:
    """Return how the new images lie beside those that the reduction was fitted on."""
    figures, usual = drift.figures(), Number(percent(0.01))
    ratio, shift = (Number(f"{figures[name]:.2f}") for name in ("variance_ratio", "mean_shift"))
    rows: list[tuple[Cell, ...]] = [
        ("Images", Number(count(drift.fitted_images)), Number(count(drift.images))),
        (
            "Variance about the fitted mean that the components hold",
            Number(percent(drift.fitted_kept)),
            Number(percent(drift.kept)),
        ),
        ("Variance along a component, median", Number("1.00"), ratio),
        ("Distance of the means in standard deviations, root mean square", 0, shift),
        ("The largest, along one component", 0, Number(f"{figures['largest_mean_shift']:.2f}")),
        ("Reconstruction error (Q) beyond the fitted 99 % limit", usual, Number(percent(drift.beyond_error))),
        ("Hotelling's T² beyond the fitted 99 % limit", usual, Number(percent(drift.beyond_distance))),
    ]
    shown = min(len(drift.shift), MAX_COMPONENT_ROWS)
    few = f" the first {shown} of {count(len(drift.shift))}" if shown < len(drift.shift) else " the"
    each = [(i + 1, Number(f"{drift.shift[i]:+.2f}"), Number(f"{drift.spread[i]:.2f}")) for i in range(shown)]
    beside = "The new images beside those that the reduction was fitted on"
    caption = f"Mean and variance of the new images along{few} components; without drift 0 and 1"
    columns = ["Component", "Mean, in standard deviations", "Variance / fitted variance"]
    details = Table(caption, columns, each, summary="Component by component")
    return [drift.advice, Table(beside, ["Measure", "Fitted", "New"], rows), details]


def components_tsv(components: np.ndarray) -> bytes:
    """Return lines of k exact float32 numbers, to be loaded at https://projector.tensorflow.org/."""
    lines = ("\t".join(f"{value:.9g}" for value in row) + "\n" for row in components)
    return "".join(lines).encode()


def metadata_tsv(points: list[Point]) -> bytes:
    """Return a header line, and a line of label, split and path for each point, for the same projector."""
    rows = [("label", "split", "path"), *((class_name(one.label), one.split, one.path) for one in points)]
    lines = ("\t".join(spreadsheet_cell(_SEPARATORS.sub(" ", cell)) for cell in row) for row in rows)
    text = "".join(f"{line}\n" for line in lines)
    # A name that is not UTF-8 arrives with lone surrogates, which cannot be encoded.
    return text.encode("utf-8", "backslashreplace")
