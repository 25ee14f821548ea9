"""The report of a check: each issue with its photographs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from spark_job.analyses.analysis_run import Lines
from spark_job.analyses.checking.balance import Balance, balance_lines, balance_sections
from spark_job.analyses.checking.feature_checks import ENOUGH_FOR_LEAKS
from spark_job.analyses.checking.findings import ISSUES, Finding, FindingTally, Thresholds
from spark_job.analyses.source_run import SourceRun, galleries
from spark_job.contract.run_options import ImageLimits
from spark_job.report.document import Document, Number, Section, Table
from spark_job.report.words import class_name, count, percent


@dataclass(frozen=True)
class Checked:
    """What `check` found."""

    tally: FindingTally
    # measured, unmeasured: photographs with and without measures of their pixels
    measured: int
    unmeasured: int
    classes_judged: bool  # whether there are classes to fit into
    splits: Sequence[str]  # the largest first
    thresholds: Thresholds
    balance: Balance
    # how many numbers say of an image where it points, for leaks; None: not looked for
    compared: int | None = None

    def metrics(self) -> dict[str, Any]:
        """Return the content of `metrics.json`; an issue that could not be looked for is None."""
        counts: dict[str, int | None] = {issue: self.tally.counts[issue] for issue in ISSUES}
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

    def findings(self) -> Lines:
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


def check_document(checked: Checked, source: SourceRun) -> Document:
    """Return the report; it reads the worst photographs again for their small pictures."""
    counts = checked.metrics()["findings"]
    total = sum(number or 0 for number in counts.values())
    return Document(
        title="Quality",
        subtitle=f"What may be wrong with the {count(checked.measured)} photographs of {source.run_id}",
        tiles={"Photographs": count(checked.measured), "Findings": count(total)},
        sections=[
            _summary(checked, counts),
            *balance_sections(checked.balance),
            *_issue_sections(checked, source.limits),
        ],
        notes=_notes(checked),
    )


def _notes(checked: Checked) -> list[str]:
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
    return notes


def _summary(checked: Checked, counts: dict[str, int | None]) -> Section:
    rows = []
    for issue, meaning in ISSUES.items():
        found = counts[issue]
        photographs = Number("not looked for" if found is None else count(found))
        rows.append(
            (_title(issue), photographs, Number(percent((found or 0) / max(checked.measured, 1))), meaning)
        )
    table = Table("Findings by issue", ["Issue", "Photographs", "Share", "What it means"], rows)
    return Section(
        "Summary",
        ["quality.csv lists every finding, by issue, the worst first; 0 is the worst score.", table],
    )


def _title(issue: str) -> str:
    return issue.replace("_", " ").capitalize()


def _issue_sections(checked: Checked, limits: ImageLimits) -> list[Section]:
    shown = {issue: checked.tally.worst[issue] for issue in ISSUES if checked.tally.counts[issue]}
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
        Section(_title(issue), [ISSUES[issue], gallery])
        for issue, gallery in zip(shown, galleries(groups, limits), strict=True)
    ]


def _note(finding: Finding) -> str:
    if finding.issue == "damaged":
        return finding.detail
    if finding.issue == "leak":
        return f"{finding.image.split}, score {finding.score:.3f}; the next is its like"
    if finding.issue == "label_doubtful":
        return f"score {finding.score:.2f}, nearer to {class_name(finding.detail)}"
    of_set = f"set {finding.detail[:6]}, " if finding.detail else ""
    return f"{of_set}score {finding.score:.2f}"
