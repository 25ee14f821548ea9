"""The analysis `check` from start to end: rounds of Spark tasks over the parts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pyspark import SparkContext

from spark_job.analyses.analysis_run import AnalysisRun
from spark_job.analyses.checking.feature_checks import (
    ClassModel,
    class_findings,
    far_bounds,
    leak_findings,
    own_distances,
    split_sizes,
    sum_part,
)
from spark_job.analyses.checking.findings import (
    CSV_COLUMNS,
    ISSUES,
    Finding,
    FindingTally,
    Thresholds,
    csv_lines,
    read_findings,
    write_findings,
)
from spark_job.analyses.checking.pixel_checks import (
    MEASURES,
    Surroundings,
    pixel_findings,
    survey_part,
)
from spark_job.analyses.checking.report import Checked, check_document
from spark_job.analyses.component_table import ComponentTable
from spark_job.analyses.source_run import SourceRun
from spark_job.analyses.summary import Summary
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.parquet_parts import part_uris, read_part
from spark_job.session import sum_over_tasks
from spark_job.storage import Folder

FINDINGS, QUALITY_CSV = "findings", "quality.csv"

Look = Callable[[str], Iterable[Finding]]
Total = TypeVar("Total")


@dataclass(frozen=True)
class CheckOptions:
    """What to check.

    Attributes:
        features: RESULTS/RUN_ID of a run.
    """

    features: str
    results: str
    thresholds: Thresholds
    run_id: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The options that decide the result, JSON types."""
        return {"features": self.features, "thresholds": self.thresholds.figures()}


def check(options: CheckOptions, spark: Callable[[], SparkContext], say: Callable[[str], None]) -> Summary:
    """Look for what is wrong with the photographs of a run.

    Args:
        spark: called when Spark is first needed.
        say: called with each line of progress.

    Raises:
        MisuseError: no such run, or one made before the pixels were measured.
    """
    source = SourceRun.open(options.features)
    table = ComponentTable.of(source)
    parts = part_uris(source.table(layout.FEATURES))
    _check_measured(source, parts)
    run = AnalysisRun.begin("check", options.results, [source], options.parameters, options.run_id)
    say(f"run {run.run_id}")
    tasks = Tasks(spark(), run.folder.folder.at(FINDINGS))
    say("pixels …")
    survey = tasks.total(parts, survey_part)
    surroundings = tasks.spark.broadcast(Surroundings.of(survey, options.thresholds))
    thresholds = options.thresholds
    tally = tasks.find(parts, lambda uri: pixel_findings(uri, surroundings.value, thresholds))
    say("classes …")
    model = ClassModel.of(tasks.total(table.parts, partial(sum_part, table)))
    if model:
        tally += _find_misfits(tasks, table, model, thresholds)
    say("splits …")
    splits = [split for split, _ in tasks.total(table.parts, partial(split_sizes, table)).most_common()]
    if len(splits) > 1:
        tally += tasks.find(table.parts, lambda uri: leak_findings(table, uri, splits, thresholds.leak))
    checked = Checked(tally, len(survey.sizes), survey.unmeasured, model is not None, splits, thresholds)
    _write_csv(run)
    document = check_document(checked, source)
    summary = run.finish(checked.metrics(), document, checked.findings())
    return summary.and_then(f"look at each finding: {run.folder.uri(QUALITY_CSV)}")


class Tasks:
    """Spark tasks over parts, and the parts of findings that they write."""

    def __init__(self, spark: SparkContext, findings: Folder) -> None:
        self.spark, self._findings, self._written = spark, findings, 0

    def total(self, parts: Sequence[str], look: Callable[[str], Total]) -> Total:
        """Return the sum of what `look` gives for each part."""
        return sum_over_tasks(self.spark, parts, look)

    def find(self, parts: Sequence[str], look: Look) -> FindingTally:
        """Write the findings of each part as one of their table; returns their counts."""
        first, folder = self._written, self._findings
        self._written += len(parts)

        def write(task: tuple[int, str]) -> FindingTally:
            number, uri = task
            findings = list(look(uri))
            write_findings(folder, first + number, findings)
            return FindingTally.of(findings)

        return sum_over_tasks(self.spark, list(enumerate(parts)), write)


def _find_misfits(
    tasks: Tasks, table: ComponentTable, model: ClassModel, thresholds: Thresholds
) -> FindingTally:
    shared = tasks.spark.broadcast(model)
    distances = tasks.total(table.parts, lambda uri: own_distances(table, uri, shared.value))
    bounds = far_bounds(model, distances, thresholds.unusual)
    return tasks.find(table.parts, lambda uri: class_findings(table, uri, shared.value, bounds))


def _check_measured(source: SourceRun, parts: Sequence[str]) -> None:
    first = next(iter(read_part(parts[0], MEASURES, 1)), None)
    missing = set(MEASURES) - set(first.schema.names if first is not None else ())
    if missing:
        raise MisuseError(
            f"{source.uri} was made by a version that did not measure the pixels (features/ lacks "
            f"{', '.join(sorted(missing))}): run its images again, then check that run"
        )


def _write_csv(run: AnalysisRun) -> None:
    """Write `quality.csv`: every finding, by issue, the worst first."""
    folder = run.folder.folder.at(FINDINGS)
    with run.folder.folder.open_writer(QUALITY_CSV) as writer:
        writer.write(csv_lines([CSV_COLUMNS]))
        for issue in ISSUES:
            for rows in read_findings(folder, issue):
                writer.write(csv_lines(rows))
