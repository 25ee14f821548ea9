"""The report of a prediction."""

from collections.abc import Mapping, Sequence

from spark_job.analyses.prediction.outcome import Outcome, Shown
from spark_job.analyses.source_run import SourceRun
from spark_job.contract.run_options import ImageLimits
from spark_job.images.thumbnails import thumbnails
from spark_job.report.document import Document, Gallery, Number, Photograph, Section, Table
from spark_job.report.palette import class_name
from spark_job.report.quantities import count, percent


def prediction_document(trained: SourceRun, outcome: Outcome, counts: Mapping[str, int]) -> Document:
    """Return the report; it reads some of the photographs again for their small pictures."""
    tiles = {
        "images": count(outcome.image_count),
        "classes found": count(len(outcome.predicted)),
        "unlike anything trained on": count(outcome.unlike),
        "rejected": count(counts["rejected"]),
    }
    if outcome.labelled:
        tiles["accuracy by folder"] = percent(outcome.right / outcome.labelled)
    sections = [
        Section("What is on the photographs", [_gallery(_some(outcome), outcome.sample), _table(outcome)])
    ]
    if outcome.strangest:
        caption = (
            "The least certain ones first; they may be of a class that was never trained, or no fruit at all"
        )
        sections.append(Section("Unlike anything trained on", [_gallery(caption, outcome.strangest)]))
    return Document(
        title="Predictions",
        subtitle=f"By the classifier {trained.run_id}",
        tiles=tiles,
        sections=sections,
    )


def _some(outcome: Outcome) -> str:
    if len(outcome.sample) == outcome.image_count:
        return "All photographs"
    return f"{len(outcome.sample)} of {outcome.image_count:,} photographs, drawn by chance"


def _table(outcome: Outcome) -> Table:
    rows: list[list[str | int | float]] = [
        [class_name(label), Number(count(images)), Number(percent(images / outcome.image_count))]
        for label, images in outcome.predicted.most_common()
    ]
    return Table("Classes by how often they were recognised", ["class", "images", "share"], rows)


def _gallery(caption: str, shown: Sequence[Shown]) -> Gallery:
    pictures = thumbnails([one.file for one in shown], ImageLimits())
    photographs = [
        Photograph(picture, class_name(one.answer.classes[0]), _note(one))
        for one, picture in zip(shown, pictures, strict=True)
    ]
    return Gallery(caption, photographs)


def _note(shown: Shown) -> str:
    flag = "unlike anything, " if shown.answer.unlike else ""
    return f"{flag}{percent(shown.answer.probabilities[0])}: {shown.path.rpartition('/')[2]}"
