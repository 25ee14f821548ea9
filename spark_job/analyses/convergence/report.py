"""The report: components over images of each class, with their spread, raw and standardised."""

from collections.abc import Sequence
from itertools import cycle

from spark_job.analyses.convergence.curves import Step, settled
from spark_job.analyses.source_run import SourceRun
from spark_job.analyses.summary import Lines
from spark_job.report.document import Chart, Document, Section, Table
from spark_job.report.line_chart import Axis, Line, line_chart
from spark_job.report.palette import LINE_COLOURS
from spark_job.report.quantities import count, percent

KINDS = ((True, "Standardised", "standardized"), (False, "Raw", "raw"))


def document(source: SourceRun, steps: Sequence[Step], shares: Sequence[float]) -> Document:
    """Return the report of the analysis."""
    network = source.manifest.model
    everything = steps[-1]
    tiles = {
        "Images": count(everything.image_count),
        **{
            f"Components for {percent(share, 0)}, {title.lower()}": count(
                everything.components[0][kind][share]
            )
            for kind, title, _ in KINDS
            for share in shares
            if share == shares[min(1, len(shares) - 1)]
        },
    }
    return Document(
        title="Convergence",
        subtitle=f"How many components of {network} hold a share of the variance as the sample grows",
        tiles=tiles,
        sections=[_section(steps, shares, *kind) for kind in KINDS],
    )


def findings(steps: Sequence[Step], shares: Sequence[float]) -> Lines:
    """Return the lines that the analysis ends with: what all images need, and whether samples found it."""
    everything, lines = steps[-1], [("images", count(steps[-1].image_count))]
    for standardized, title, _ in KINDS:
        needed = everything.components[0][standardized]
        first, *rest = (f"for {percent(share, 0)}" for share in shares)
        numbers = [count(needed[share]) for share in shares]
        words = [f"{numbers[0]} components {first} of the variance"]
        words += [f"{number} {share}" for number, share in zip(numbers[1:], rest, strict=True)]
        lines.append((title.lower(), ", ".join(words)))
    if len(steps) < 2:
        return lines
    reached = [f"{percent(settled(steps, True, share), 0)}" for share in shares]
    return [
        *lines,
        (
            "settled",
            f"{steps[-2].name} images of each class give {', '.join(reached)} of them (standardised)",
        ),
    ]


def _section(
    steps: Sequence[Step], shares: Sequence[float], standardized: bool, title: str, name: str
) -> Section:
    return Section(
        title,
        [
            _reading(steps, shares, standardized),
            _chart(steps, shares, standardized, title, name),
            _table(steps, shares, standardized, title),
        ],
    )


def _chart(
    steps: Sequence[Step], shares: Sequence[float], standardized: bool, title: str, name: str
) -> Chart:
    images, lines = [step.image_count for step in steps], []
    for share, colour in zip(shares, cycle(LINE_COLOURS), strict=False):
        low, middle, high = zip(*(step.spread(standardized, share) for step in steps), strict=True)
        lines.append(Line(f"{percent(share, 0)} of the variance", images, middle, colour, band=(low, high)))
    return line_chart(
        f"{title} features: components by images, for {_list(shares)} of the variance; the band is from the "
        "smallest to the largest of the seeds",
        f"convergence_{name}",
        lines,
        Axis("Images in the sample", ticks=images),
        Axis("Components"),
        compare=True,
    )


def _reading(steps: Sequence[Step], shares: Sequence[float], standardized: bool) -> str:
    """Return a sentence that says what the chart shows."""
    if len(steps) < 2:
        return "No sample is smaller than all images: there is no growth to see."
    reached = [(share, settled(steps, standardized, share)) for share in shares]
    sentence = ", ".join(
        f"{percent(one, 0)} (for {percent(share, 0)} of the variance)" for share, one in reached
    )
    return (
        f"With {steps[-2].name} images of each class, the number of components is this much of what all "
        f"images need: {sentence}. Near 100 % it has settled; below, it still grows with the sample."
    )


def _list(shares: Sequence[float]) -> str:
    return ", ".join(percent(share, 0) for share in shares)


def _table(steps: Sequence[Step], shares: Sequence[float], standardized: bool, title: str) -> Table:
    rows = [
        [step.name, count(step.image_count), *(cell(step, standardized, share) for share in shares)]
        for step in steps
    ]
    columns = ["Images of each class", "Images", *(percent(share, 0) for share in shares)]
    return Table(f"{title}: components, median over the seeds (smallest to largest)", columns, rows)


def cell(step: Step, standardized: bool, share: float) -> str:
    """Return `93 (91 to 96)`, or `96` where all seeds agree."""
    low, middle, high = step.spread(standardized, share)
    return f"{middle:g}" if low == high else f"{middle:g} ({low} to {high})"
