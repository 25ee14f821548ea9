"""What is said of a training: its figures, the lines that it ends with, its charts and its report."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from typing import Any

import numpy as np

from spark_job.analyses.classifier import TOP
from spark_job.analyses.runs import Lines, SourceRun, galleries
from spark_job.analyses.training.division import Division
from spark_job.analyses.training.fitting import CALIBRATION_SHARE, Evaluation, Trained
from spark_job.contract.uris import last_name
from spark_job.report.charts import Axis, Line, heat_trace, line_chart, plain_axes, png_bytes
from spark_job.report.document import Block, Cell, Chart, Document, Number, Section, Table
from spark_job.report.palette import COLOURS
from spark_job.report.words import class_name, count, percent

MAX_PAIRS_LISTED = 30
MAX_PAIRS_PICTURED = 12
MAX_CONFUSION_CLASSES = 60  # more rows than this cannot be read on a page
_RIGHT, _WRONG = COLOURS[0], COLOURS[1]
_CURVE_TEXT = (
    "Each point is a classifier of its own, trained on that part of the training images and tested on all "
    "test images. A curve that still rises says that more photographs would help; a gap between training "
    "and test, that the classifier knows its own images by heart."
)


def training_document(source: SourceRun, division: Division, trained: Sequence[Trained]) -> Document:
    """Return the report; it reads confused photographs again for their small pictures."""
    first = trained[0]
    evaluation, novelty, model = first.evaluation, first.novelty, source.manifest.model
    limits = (
        f"An image is flagged as unlike anything trained on when its class is less probable than "
        f"{percent(novelty.min_probability)}, or when its features lie further than "
        f"{novelty.max_distance:.2f} (cosine distance) from every class. Each limit flags "
        f"{percent(CALIBRATION_SHARE)} of the training images; of the test images "
        f"{percent(evaluation.flagged / evaluation.image_count)} are flagged."
    )
    sections = [
        _costs(trained),
        Section("Which are confused", list(_confusions(source, division, first))),
        Section("How many photographs it needs", [learning_curve_chart(trained), _CURVE_TEXT]),
        Section("Each class", [_classes(division, first)]),
        Section("What it does not know", [limits]),
    ]
    return Document(
        title="Classifier",
        subtitle=f"A softmax head on {first.on} of {model}, of the run {source.run_id}",
        tiles={
            "Accuracy": percent(evaluation.accuracy),
            f"Among the first {TOP}": percent(evaluation.top_accuracy),
            "Majority baseline": percent(majority_baseline(division)),
            "Classes": count(len(division.classes)),
            "Training images": count(int(division.training_counts[-1].sum())),
            "Test images": count(evaluation.image_count),
        },
        sections=[section for section in sections if section.blocks],
        notes=_notes(division),
    )


def _notes(division: Division) -> list[str]:
    notes = []
    if division.test_below:
        notes.append(
            "Test images were held out by chance. Where photographs come in series, views of one fruit are "
            "in both parts, and fruit that was never photographed will be recognised less often than these "
            "figures say; a Training and a Test folder, or --test-features, tell."
        )
    if division.unknown:
        notes.append(f"Test images of classes that were not trained, left out: {division.unknown:,}.")
    if division.unlabelled:
        notes.append(f"Images without a label, which neither train nor test: {division.unlabelled:,}.")
    if untested := _untested(division):
        notes.append(f"Classes without a test image, of which these figures say nothing: {untested}.")
    return notes


def _untested(division: Division) -> str:
    """Return how many of the trained classes have no test image, and some of them; empty: all have."""
    missing = [class_name(division.classes[number]) for number in np.flatnonzero(division.test_counts == 0)]
    few = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
    return f"{len(missing):,} of {len(division.classes):,} ({few})" if missing else ""


def _costs(trained: Sequence[Trained]) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for one in trained:
        of, recall = one.evaluation, float(np.nanmean(one.evaluation.recall))
        shares = (Number(percent(share, 2)) for share in (of.accuracy, of.top_accuracy, recall))
        rows.append((one.on, one.length, *shares))
    columns = ["Trained on", "Columns", "Accuracy", f"Among the first {TOP}", "Mean recall of a class"]
    table = Table("Accuracy on the test images", columns, rows)
    if len(trained) == 1:
        return Section("How good it is", [table])
    features, components = trained
    lost = features.evaluation.accuracy - components.evaluation.accuracy
    difference = (
        f"From {features.length:,} features to {components.length:,} components the accuracy "
        f"{'falls' if lost > 0 else 'changes'} by {100 * abs(lost):.2f} percentage points"
        f"{'' if lost >= 0 else ', upwards'}."
    )
    return Section("How much does the reduction cost?", [table, difference])


def _confusions(source: SourceRun, division: Division, trained: Trained) -> Iterator[Block]:
    evaluation, names = trained.evaluation, [class_name(label) for label in division.classes]
    chart, pairs = confusion_chart(evaluation, names), evaluation.most_confused(MAX_PAIRS_LISTED)
    if not pairs:
        yield from ("None: every test image was recognised.", chart)
        return
    yield chart
    tested = evaluation.confusion.sum(axis=1)
    rows = [
        (names[true], names[taken], int(evaluation.confusion[true, taken]), int(tested[true]))
        for true, taken in pairs
    ]
    yield Table("The most confused pairs", ["Class", "Taken for", "Images", "Of"], rows)
    groups = []
    for true, taken in pairs[:MAX_PAIRS_PICTURED]:
        shown = [
            (image, last_name(image.path), f"held for it with {percent(probability)}")
            for _, (image, probability) in evaluation.examples[true, taken]
        ]
        groups.append((f"{names[true]} taken for {names[taken]}", shown))
    yield from galleries(groups, source.limits)


def _classes(division: Division, trained: Trained) -> Table:
    evaluation = trained.evaluation
    worst = np.argsort(np.nan_to_num(evaluation.recall, nan=2.0), kind="stable")
    counts = zip(division.training_counts[-1].tolist(), division.test_counts.tolist(), strict=True)
    shares = zip(evaluation.precision, evaluation.recall, strict=True)
    every = [
        (class_name(label), *images, *(Number("none" if np.isnan(one) else percent(one)) for one in both))
        for label, images, both in zip(division.classes, counts, shares, strict=True)
    ]
    columns = ["Class", "Training images", "Test images", "Precision", "Recall"]
    rows = [every[index] for index in worst.tolist()]
    return Table("Precision and recall, the least recognised first", columns, rows)


def majority_baseline(division: Division) -> float:
    """Return the accuracy of always naming the class that has most training images."""
    most = int(division.training_counts[-1].argmax())
    return float(division.test_counts[most] / division.test_counts.sum())


def training_metrics(division: Division, trained: Sequence[Trained]) -> dict[str, Any]:
    """Return the figures of the saved classifier, and of each table that one was trained on."""
    first = trained[0]
    return {
        "classifier": {
            "on": first.on,
            **_quality(first),
            "majority_baseline": majority_baseline(division),
            "classes": len(division.classes),
            "training_images": int(division.training_counts[-1].sum()),
            "test_images": int(division.test_counts.sum()),
            "test_images_of_unknown_classes": division.unknown,
            "images_without_label": division.unlabelled,
            "test_images_chosen": division.rule,
            "min_probability": first.novelty.min_probability,
            "max_distance": first.novelty.max_distance,
        },
        "by_table": {one.on: {"columns": one.length, **_quality(one)} for one in trained},
        "learning_curve": {one.on: [asdict(point) for point in one.curve] for one in trained},
    }


def _quality(trained: Trained) -> dict[str, Any]:
    evaluation = trained.evaluation
    return {
        "accuracy": evaluation.accuracy,
        "top_5_accuracy": evaluation.top_accuracy,
        "macro_precision": float(np.nanmean(evaluation.precision)),
        "macro_recall": float(np.nanmean(evaluation.recall)),
        "flagged_test_images": evaluation.flagged / evaluation.image_count,
        "loss": trained.losses[-1] if trained.losses else None,
        "iterations": len(trained.losses),
    }


def training_findings(division: Division, trained: Sequence[Trained]) -> Lines:
    """Return the lines that a training ends with: accuracy, baseline, the most confused pair."""
    first = trained[0].evaluation
    top = f"{percent(first.top_accuracy)} among the first {TOP} ({trained[0].on})"
    confused = "no class with another"
    for true, taken in first.most_confused(1):
        names = [class_name(division.classes[number]) for number in (true, taken)]
        wrong, tested = first.confusion[true, taken], first.confusion.sum(axis=1)[true]
        confused = f"{names[0]} taken for {names[1]}: {wrong:,} of {tested:,} images"
    untested = _untested(division)
    return [
        ("accuracy", f"{percent(first.accuracy)} of {first.image_count:,} test images, {top}"),
        *(("", f"{percent(other.evaluation.accuracy)} on {other.on}") for other in trained[1:]),
        ("baseline", f"{percent(majority_baseline(division))}: always the class with most training images"),
        ("confused", confused),
        *([("untested", f"classes without a test image: {untested}")] if untested else []),
    ]


def learning_curve_chart(trained: Sequence[Trained]) -> Chart:
    """Draw the accuracy on test images and on the images trained on, by how many were trained on."""
    lines = []
    for colour, one in zip(COLOURS, trained, strict=False):
        images = [point.images for point in one.curve]
        unseen = [point.accuracy for point in one.curve]
        seen = [point.training_accuracy for point in one.curve]
        lines.append(Line(f"{one.on}: test", images, unseen, colour))
        lines.append(Line(f"{one.on}: training", images, seen, colour, style="dot"))
    caption = "Learning curve: accuracy by the number of images trained on"
    x, y = Axis("Training images"), Axis("Accuracy", ".1%", from_zero=False)
    return line_chart(caption, "learning_curve", lines, x, y)


def confusion_chart(evaluation: Evaluation, classes: Sequence[str]) -> Chart:
    """Draw the share of each class taken for each; of many classes those that are confused most."""
    confusion = evaluation.confusion
    wrong = confusion.sum(axis=0) + confusion.sum(axis=1) - 2 * confusion.diagonal()
    shown = np.sort(np.argsort(-wrong, kind="stable")[:MAX_CONFUSION_CLASSES]).tolist()
    counts = confusion[np.ix_(shown, shown)].toarray()
    shares = counts / np.maximum(confusion.sum(axis=1)[shown], 1)[:, None]
    names = [classes[index] for index in shown]
    # plotly.js takes `<b>` for bold, and numbers and dates for places on an axis; it shows `&quot;` as it is.
    texts = [escape(name, quote=False) for name in names]
    diagonal = np.eye(len(shown), dtype=bool)
    data = [
        _heat(np.where(diagonal, shares, np.nan), counts, texts, "right", _RIGHT),
        _heat(np.where(diagonal | (counts == 0), np.nan, shares), counts, texts, "wrong", _WRONG),
    ]
    side = max(420, 15 * len(shown) + 200)
    axis = {"tickfont": {"size": 10}, "showgrid": False, "dtick": 1, "type": "category"}
    layout = {
        "height": side,
        "xaxis": {**axis, "title": {"text": "Taken for"}, "tickangle": -60},
        "yaxis": {**axis, "title": {"text": "Class"}, "autorange": "reversed"},
        "showlegend": False,
    }
    few = f", the {len(shown)} that are confused most" if len(shown) < len(classes) else ""
    caption = f"Confusion matrix: the share of each class (row) taken for each (column){few}"
    return Chart(caption, data, layout, png=lambda: _confusion_png(shares, names), name="confusion_matrix")


def _heat(
    shares: np.ndarray, counts: np.ndarray, names: Sequence[str], what: str, colour: str
) -> dict[str, Any]:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    scale = [[0, f"rgba({red},{green},{blue},0.15)"], [1, colour]]
    hover = "%{y} taken for %{x}: %{customdata} images, %{z:.1%}<extra>" + what + "</extra>"
    said = {"customdata": counts.tolist(), "hoverongaps": False, "hovertemplate": hover}
    return heat_trace(shares, names, names, scale, gap=1) | {"zmin": 0, "zmax": 1, "showscale": False} | said


def _confusion_png(shares: np.ndarray, names: Sequence[str]) -> bytes:
    side = max(5.0, 0.16 * len(names) + 2)
    figure, axes = plain_axes(side, side)
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for labels, kind in ((axes.set_xticks, 90), (axes.set_yticks, 0)):
        for text in labels(range(len(names)), names, rotation=kind, fontsize=6):
            text.label1.set_parse_math(False)  # "$" in a name is a dollar
    axes.set(xlabel="Taken for", ylabel="Class")
    return png_bytes(figure)
