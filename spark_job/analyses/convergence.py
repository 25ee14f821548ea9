"""How many components hold a share of the variance as the sample grows, raw and standardised."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, cycle
from statistics import mean, median

import numpy as np
from pyspark import SparkContext

from spark_job.analyses.runs import AnalysisRun, Lines, OpenSpark, Say, SourceRun, Summary, VectorTable
from spark_job.analyses.training.division import by_class, draws_of
from spark_job.contract.errors import MisuseError
from spark_job.contract.run_options import ComponentRequest
from spark_job.errors import ReductionError
from spark_job.features.table import read_usable
from spark_job.images.sampling import draw
from spark_job.reduction.principal_components import Moments, component_count, spectrum
from spark_job.reduction.tables import MAX_COVARIANCE_COLUMNS, deal, merged, moments
from spark_job.report.charts import Axis, Line, line_chart
from spark_job.report.document import Chart, Document, Section, Table
from spark_job.report.palette import LINE_COLOURS
from spark_job.report.words import count, percent

KINDS = ((True, "Standardised", "standardized"), (False, "Raw", "raw"))
NAMES = ("path", "label")
NEAR = "Near 100 % it has settled; below, it still grows with the sample"
Counts = dict[bool, dict[float, int]]  # standardised -> share of the variance -> components


@dataclass(frozen=True)
class Step:
    """One size of sample."""

    per_class: int | None  # images of each class, at most; None for all images
    image_count: int
    components: Sequence[Counts]  # what each seed's sample gave; one entry for all images

    @property
    def name(self) -> str:
        return "all" if self.per_class is None else str(self.per_class)

    def by_seed(self, standardized: bool, share: float) -> list[int]:
        return [one[standardized][share] for one in self.components]

    def spread(self, standardized: bool, share: float) -> tuple[int, float, int]:
        """Return the (smallest, median, largest) number of components over the seeds."""
        counts = self.by_seed(standardized, share)
        return min(counts), median(counts), max(counts)

    def text(self, standardized: bool, share: float) -> str:
        """Return the spread as `93 (91 to 96)`, or `96` where all seeds agree."""
        low, middle, high = self.spread(standardized, share)
        return f"{middle:g}" if low == high else f"{middle:g} ({low} to {high})"


def analyse_convergence(
    features: str,
    results: str,
    per_class: Sequence[int],
    shares: Sequence[float],
    seeds: int,
    run_id: str | None,
    spark: OpenSpark,
    say: Say,
    label: str | None = None,
) -> Summary:
    """Find how many components hold a share of the variance as the sample grows to all images."""
    if not per_class or min(per_class) < 2 or sorted(set(per_class)) != [*per_class]:
        raise MisuseError(f"--samples {per_class}: give sizes from 2, each larger than the one before")
    if not shares or not all(0 < share <= 1 for share in shares):
        raise MisuseError(f"--shares {shares}: give shares of the variance above 0, at most 1")
    source = SourceRun.open(features, label=label)
    table = VectorTable.features(source)
    if table.length > MAX_COVARIANCE_COLUMNS:
        raise ReductionError(
            f"{table.length:,} features are more than convergence can follow ({MAX_COVARIANCE_COLUMNS:,}): "
            "give a run of an extractor with pooling"
        )
    parameters = {"label": label, "samples": list(per_class), "shares": list(shares), "seeds": seeds}
    run = AnalysisRun("convergence", results, [source], parameters, run_id)
    say(f"run {run.run_id}")
    context, samples = spark(), []
    for seed in range(seeds):
        say(f"samples of seed {seed} …")
        moments_by_size = sample_moments(context, table, per_class, seed)
        samples.append([(one.count, components_needed(one, shares)) for one in moments_by_size])
    say("all images …")
    everything = moments(context, table.parts, table.length)
    steps = [
        Step(size, by_seed[-1][0], [needed for _, needed in by_seed])
        for size, *by_seed in zip(per_class, *samples, strict=False)
        if by_seed[-1][0] < everything.count  # a sample that holds all images says nothing new
    ]
    steps.append(Step(None, everything.count, [components_needed(everything, shares)]))
    counts = {
        name: {f"{share:.2f}": {step.name: step.by_seed(kind, share) for step in steps} for share in shares}
        for kind, _, name in reversed(KINDS)
    }
    metrics = {"convergence": counts, "images": {step.name: step.image_count for step in steps}}
    return run.finish(metrics, _document(source, steps, shares), findings(steps, shares))


def sample_moments(
    spark: SparkContext, table: VectorTable, per_class: Sequence[int], seed: int
) -> list[Moments]:
    """Return the moments of each sample, a part of the next, by two passes; 4 d^2 bytes each in a worker."""
    # class -> the largest draw of each sample
    ends = spark.broadcast(
        {
            label: [int(draws[min(count, len(draws)) - 1]) for count in per_class]
            for label, draws in by_class(draws_of(spark, table, seed)).items()
        }
    )

    def rings(uris: list[str]) -> list[Moments | None]:
        """Return the moments of the images that each sample adds to the smaller one before it."""
        added: list[Moments | None] = [None] * len(per_class)
        for uri in uris:
            for names, rows in read_usable(uri, table.length, NAMES, label=table.label):
                images = zip(*names.select(NAMES).to_pydict().values(), strict=True)
                ring = np.array([bisect_left(ends.value[label], draw(seed, path)) for path, label in images])
                for number, before in enumerate(added):
                    added[number] = merged(before, Moments.of([rows[ring == number]]))
        return added

    found = (
        deal(spark, table.parts)
        .map(rings)
        .treeReduce(lambda one, other: [merged(*pair) for pair in zip(one, other, strict=True)])
    )
    return [sample for sample in accumulate(found, merged) if sample is not None]


def components_needed(sample: Moments, shares: Sequence[float]) -> Counts:
    """Return how many components hold each share, in O(d^3); NoVarianceError: all rows are equal."""
    ratios = {kind: spectrum(sample, kind) for kind in (False, True)}
    return {
        kind: {share: component_count(ratio, ComponentRequest(share), len(ratio)) for share in shares}
        for kind, ratio in ratios.items()
    }


def findings(steps: Sequence[Step], shares: Sequence[float]) -> Lines:
    """Return the lines that the analysis ends with: what all images need, and whether samples found it."""
    lines = [("images", count(steps[-1].image_count))]
    for standardized, title, _ in KINDS:
        needed = steps[-1].components[0][standardized]
        first = needed[shares[0]]
        components = "1 component" if first == 1 else f"{count(first)} components"
        words = [f"{components} for {percent(shares[0], 0)} of the variance"]
        words += [f"{count(needed[share])} for {percent(share, 0)}" for share in shares[1:]]
        lines.append((title.lower(), ", ".join(words)))
    if len(steps) < 2:
        return lines
    said = f"standardised, {steps[-2].name} images of each class need this share of these components"
    return [*lines, ("growth", f"{said}: {_shares(steps, shares, True)}"), ("", NEAR)]


def _document(source: SourceRun, steps: Sequence[Step], shares: Sequence[float]) -> Document:
    everything, share = steps[-1], shares[min(1, len(shares) - 1)]
    tiles = {"Images": count(everything.image_count)}
    for standardized, title, _ in KINDS:
        needed = count(everything.components[0][standardized][share])
        tiles[f"Components for {percent(share, 0)}, {title.lower()}"] = needed
    model, sections = source.manifest.model, []
    columns = ["Images of each class", "Images", *(percent(one, 0) for one in shares)]
    for standardized, title, name in KINDS:
        rows = [
            [step.name, count(step.image_count), *(step.text(standardized, one) for one in shares)]
            for step in steps
        ]
        table = Table(f"{title}: components, median over the seeds (smallest to largest)", columns, rows)
        chart = _chart(steps, shares, standardized, title, name)
        reading = "No sample is smaller than all images: there is no growth to see."
        if len(steps) > 1:
            reading = (
                f"With {steps[-2].name} images of each class, the number of components is this much of what "
                f"all images need: {_shares(steps, shares, standardized)}. {NEAR}."
            )
        sections.append(Section(title, [reading, chart, table]))
    subtitle = f"How many components of {model} hold a share of the variance as the sample grows"
    return Document(title="Convergence", subtitle=subtitle, tiles=tiles, sections=sections)


def _shares(steps: Sequence[Step], shares: Sequence[float], standardized: bool) -> str:
    """Say of each share what part of all images' components the largest sample has; 100 %: it has settled."""
    said = []
    for share in shares:
        part = mean(steps[-2].by_seed(standardized, share)) / steps[-1].components[0][standardized][share]
        said.append(f"{percent(part, 0)} (for {percent(share, 0)} of the variance)")
    return ", ".join(said)


def _chart(
    steps: Sequence[Step], shares: Sequence[float], standardized: bool, title: str, name: str
) -> Chart:
    images, lines = [step.image_count for step in steps], []
    for share, colour in zip(shares, cycle(LINE_COLOURS), strict=False):
        low, middle, high = zip(*(step.spread(standardized, share) for step in steps), strict=True)
        lines.append(Line(f"{percent(share, 0)} of the variance", images, middle, colour, band=(low, high)))
    return line_chart(
        f"{title} features: components by images, for {', '.join(percent(share, 0) for share in shares)} of "
        "the variance; the band is from the smallest to the largest of the seeds",
        f"convergence_{name}",
        lines,
        Axis("Images in the sample", ticks=images),
        Axis("Components"),
        compare=True,
    )
