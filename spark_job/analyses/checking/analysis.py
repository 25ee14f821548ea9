"""The analysis `check`: rounds of Spark tasks over the parts, then a report of each issue."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from spark_job.analyses import runs
from spark_job.analyses.checking import findings as checks
from spark_job.analyses.checking import pixel_checks
from spark_job.analyses.checking.balance import Balance, balance_lines, balance_sections, composition
from spark_job.analyses.checking.feature_checks import ENOUGH_FOR_LEAKS, ClassModel, leak_findings, sum_part
from spark_job.arrow_tables import part_uris, read_part, write_sorted_csv
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.contract.run_options import ImageLimits
from spark_job.report.document import Document, Number, Section, Table
from spark_job.report.words import class_name, count, percent
from spark_job.session import sum_over_tasks
from spark_job.storage import Folder


def check(
    features: str,
    results: str,
    thresholds: checks.Thresholds,
    run_id: str | None,
    spark: runs.OpenSpark,
    say: runs.Say,
    label: str | None = None,
) -> runs.Summary:
    """Look for what is wrong with the photographs of a run; MisuseError: its pixels were never measured."""
    source = runs.SourceRun.open(features, label=label)
    table = runs.VectorTable.components(source)
    parts: Sequence[str] = part_uris(source.folder.at(layout.FEATURES))
    first = next(iter(read_part(parts[0], pixel_checks.MEASURES, 1)), None)
    if missing := set(pixel_checks.MEASURES) - set(first.schema.names if first is not None else ()):
        raise MisuseError(
            f"{source.uri} was made by a version that did not measure the pixels (features/ lacks "
            f"{', '.join(sorted(missing))}): run its images again, then check that run"
        )
    parameters = {"features": features, "label": label, "thresholds": asdict(thresholds)}
    run = runs.AnalysisRun("check", results, [source], parameters, run_id)
    say(f"run {run.run_id}")
    findings, context, part = run.folder.at(layout.FINDINGS), spark(), itertools.count()

    def find(parts: Sequence[str], look: Callable[[str], Iterable[checks.Finding]]) -> checks.FindingTally:
        tasks = [(next(part), uri) for uri in parts]
        return sum_over_tasks(
            context, tasks, lambda task: checks.write_findings(findings, task[0], list(look(task[1])))
        )

    say("pixels …")
    surveys = sum_over_tasks(context, parts, pixel_checks.survey_part)
    survey = np.concatenate([measures for measures, _ in surveys])
    surroundings = context.broadcast(pixel_checks.Surroundings.of(survey, thresholds))
    tally = find(
        parts, lambda uri: pixel_checks.pixel_findings(uri, surroundings.value, thresholds, source.label)
    )
    say("classes …")
    model = ClassModel.of(sum_over_tasks(context, table.parts, partial(sum_part, table)))
    if model:
        shared = context.broadcast(model)
        own = sum_over_tasks(context, table.parts, lambda uri: shared.value.own_distances(table, uri))
        bounds = model.far_bounds(own, thresholds.unusual)
        tally += find(table.parts, lambda uri: shared.value.findings(table, uri, bounds))
    say("splits …")
    found = sum_over_tasks(context, table.parts, partial(composition, table))
    splits = [split for split, _ in found.splits.most_common()]
    compared = None
    if len(splits) > 1:
        vectors = table if table.length >= ENOUGH_FOR_LEAKS else runs.VectorTable.features(source)
        centre = 0.0 if vectors is table else source.reduction().mean
        compared, least = vectors.length, thresholds.leak
        tally += find(vectors.parts, lambda uri: leak_findings(vectors, centre, uri, splits, least))
    sampled = any(source.manifest.parameters.get(name) for name in ("sample", "sample_per_class"))
    checked = Checked(
        tally=tally,
        measured=len(survey),
        unmeasured=sum(missing for _, missing in surveys),
        classes_judged=model is not None,
        splits=splits,
        thresholds=thresholds,
        balance=Balance.of(found, sampled),
        compared=compared,
    )
    _write_csv(run.folder, findings)
    summary = run.finish(checked.metrics(), check_document(checked, source), checked.findings())
    return summary.and_then(f"look at each finding: {run.folder.child(layout.QUALITY_CSV)}")


def _write_csv(folder: Folder, findings: Folder) -> None:
    """Write every finding, by issue, the worst first."""

    def rows(issue: str) -> Iterator[tuple[Any, ...]]:
        for uri in part_uris(findings):
            for batch in read_part(uri, checks.CSV_COLUMNS):
                every = zip(*batch.select(checks.CSV_COLUMNS).to_pydict().values(), strict=True)
                yield from (row for row in every if row[3] == issue)

    columns, by_issue = checks.CSV_COLUMNS, map(rows, checks.ISSUES)
    worst_first = itemgetter(*map(columns.index, ("score", "detail", "path")))
    write_sorted_csv(folder, layout.QUALITY_CSV, columns, by_issue, worst_first)


@dataclass(frozen=True)
class Checked:
    """What `check` found."""

    tally: checks.FindingTally
    measured: int  # photographs with measures of their pixels
    unmeasured: int
    classes_judged: bool  # whether there are classes to fit into
    splits: Sequence[str]  # the largest first
    thresholds: checks.Thresholds
    balance: Balance
    compared: int | None = None  # numbers that say where an image points, for leaks; None: not looked for

    def metrics(self) -> dict[str, Any]:
        """Return the content of `metrics.json`; an issue that could not be looked for is None."""
        counts: dict[str, int | None] = {issue: self.tally.counts[issue] for issue in checks.ISSUES}
        if not self.classes_judged:
            counts["label_doubtful"] = counts["unusual"] = None
        if len(self.splits) < 2:
            counts["leak"] = None
        return {
            "images": {"measured": self.measured, "unmeasured": self.unmeasured},
            "balance": self.balance.figures(),
            "findings": counts,
            "thresholds": asdict(self.thresholds),
        }

    @property
    def doubted(self) -> str:
        """Return why leaks may be none; empty: there is no reason."""
        if self.compared is None or self.compared >= ENOUGH_FOR_LEAKS:
            return ""
        few = f"by {self.compared} features; with fewer than {ENOUGH_FOR_LEAKS} "
        return f"{few}different photographs may seem the same"

    def findings(self) -> runs.Lines:
        """Return the lines that a check ends with: how many photographs each issue was found in."""
        counts = self.metrics()["findings"]
        unmeasured = f", {count(self.unmeasured)} without measures" if self.unmeasured else ""
        lines = [("images", f"{count(self.measured)} measured{unmeasured}")]
        lines += balance_lines(self.balance)
        issues = [(_title(issue).lower(), count(number)) for issue, number in counts.items() if number]
        lines += issues or [("findings", "none")]
        if counts["leak"] and self.doubted:
            lines.append(("leaks", self.doubted))
        if not self.classes_judged:
            doubts = f"{_title('label_doubtful')}, {_title('unusual')}".lower()
            lines.append(("not judged", f"{doubts}: there are no classes of several images"))
        if counts["leak"] is None:
            lines.append(("not judged", "leak: all images are of one split"))
        return lines


def check_document(checked: Checked, source: runs.SourceRun) -> Document:
    """Return the report; it reads the worst photographs again for their small pictures."""
    counts = checked.metrics()["findings"]
    total = sum(number or 0 for number in counts.values())
    rows = []
    for issue, meaning in checks.ISSUES.items():
        found = counts[issue]
        many = Number("not looked for" if found is None else count(found))
        rows.append((_title(issue), many, Number(percent((found or 0) / max(checked.measured, 1))), meaning))
    summary = "quality.csv lists every finding, by issue, the worst first; 0 is the worst score."
    table = Table("Findings by issue", ["Issue", "Photographs", "Share", "What it means"], rows)
    notes = []
    if checked.unmeasured:
        notes.append(
            f"{count(checked.unmeasured)} photographs have features of a run that did not measure the pixels."
        )
    if not checked.classes_judged:
        notes.append("There are no classes of several images, so none were looked at for a doubtful label.")
    if len(checked.splits) < 2:
        notes.append("All images are of one split, so there are no leaks to look for.")
    if checked.doubted:
        notes.append(f"Leaks were looked for {checked.doubted}.")
    return Document(
        title="Quality",
        subtitle=f"What may be wrong with the {count(checked.measured)} photographs of {source.run_id}",
        tiles={"Photographs": count(checked.measured), "Findings": count(total)},
        sections=[
            Section("Summary", [summary, table]),
            *balance_sections(checked.balance),
            *_issue_sections(checked, source.limits),
        ],
        notes=notes,
    )


def _title(issue: str) -> str:
    return issue.replace("_", " ").capitalize()


def _issue_sections(checked: Checked, limits: ImageLimits) -> list[Section]:
    shown = {issue: checked.tally.worst[issue] for issue in checks.ISSUES if checked.tally.counts[issue]}
    groups = []
    for issue, worst in shown.items():
        photographs = []
        for _, finding in worst:
            photographs.append((finding.image, finding.image.short_name, _note(finding)))
            if finding.other:
                photographs.append((finding.other, finding.other.short_name, finding.other.split))
        found = checked.tally.counts[issue]
        few = f"; the {len(worst)} worst" if len(worst) < found else ""
        groups.append((f"{count(found)} found{few}", photographs))
    return [
        Section(_title(issue), [checks.ISSUES[issue], gallery])
        for issue, gallery in zip(shown, runs.galleries(groups, limits), strict=True)
    ]


def _note(finding: checks.Finding) -> str:
    if finding.issue == "damaged":
        return finding.detail
    if finding.issue == "leak":
        return f"{finding.image.split}, score {finding.score:.3f}; the next is its like"
    if finding.issue == "label_doubtful":
        return f"score {finding.score:.2f}, nearer to {class_name(finding.detail)}"
    of_set = f"set {finding.detail[:6]}, " if finding.detail else ""
    return f"{of_set}score {finding.score:.2f}"
