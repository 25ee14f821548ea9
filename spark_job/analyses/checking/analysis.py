"""The analysis `check` from start to end: rounds of Spark tasks over the parts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import count

import numpy as np
from pyspark import SparkContext

from spark_job.analyses.analysis_run import AnalysisRun, Summary
from spark_job.analyses.checking.balance import Balance, composition
from spark_job.analyses.checking.feature_checks import ClassModel, enough_for_leaks, leak_findings, sum_part
from spark_job.analyses.checking.findings import (
    Finding,
    FindingTally,
    Thresholds,
    write_findings,
    write_findings_csv,
)
from spark_job.analyses.checking.pixel_checks import MEASURES, Surroundings, pixel_findings, survey_part
from spark_job.analyses.checking.report import Checked, check_document
from spark_job.analyses.source_run import SourceRun, VectorTable
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.parquet_parts import part_uris, read_part
from spark_job.session import sum_over_tasks


def check(
    features: str,
    results: str,
    thresholds: Thresholds,
    run_id: str | None,
    spark: Callable[[], SparkContext],
    say: Callable[[str], None],
    label: str | None = None,
) -> Summary:
    """Look for what is wrong with the photographs of a run.

    Raises:
        MisuseError: no such run, or one made before the pixels were measured.
    """
    source = SourceRun.open(features, label=label)
    table = VectorTable.components(source)
    parts: Sequence[str] = part_uris(source.folder.at(layout.FEATURES))
    first = next(iter(read_part(parts[0], MEASURES, 1)), None)
    if missing := set(MEASURES) - set(first.schema.names if first is not None else ()):
        raise MisuseError(
            f"{source.uri} was made by a version that did not measure the pixels (features/ lacks "
            f"{', '.join(sorted(missing))}): run its images again, then check that run"
        )
    parameters = {"features": features, "label": label, "thresholds": asdict(thresholds)}
    run = AnalysisRun("check", results, [source], parameters, run_id)
    say(f"run {run.run_id}")
    findings, context, part = run.folder.at(layout.FINDINGS), spark(), count()

    def find(parts: Sequence[str], look: Callable[[str], Iterable[Finding]]) -> FindingTally:
        """Write the findings of each part as one of their table; returns their counts."""
        tasks = [(next(part), uri) for uri in parts]
        return sum_over_tasks(
            context, tasks, lambda task: write_findings(findings, task[0], list(look(task[1])))
        )

    say("pixels …")
    surveys = sum_over_tasks(context, parts, survey_part)
    survey = np.concatenate([measures for measures, _ in surveys])
    surroundings = context.broadcast(Surroundings.of(survey, thresholds))
    tally = find(parts, lambda uri: pixel_findings(uri, surroundings.value, thresholds, source.label))
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
        vectors, centre = enough_for_leaks(source)
        compared, least = vectors.length, thresholds.leak
        tally += find(vectors.parts, lambda uri: leak_findings(vectors, centre, uri, splits, least))
    unmeasured = sum(missing for _, missing in surveys)
    sampled = any(source.manifest.parameters.get(name) for name in ("sample", "sample_per_class"))
    checked = Checked(
        tally=tally,
        measured=len(survey),
        unmeasured=unmeasured,
        classes_judged=model is not None,
        splits=splits,
        thresholds=thresholds,
        balance=Balance.of(found, sampled),
        compared=compared,
    )
    write_findings_csv(run.folder, layout.QUALITY_CSV, findings)
    summary = run.finish(checked.metrics(), check_document(checked, source), checked.findings())
    return summary.and_then(f"look at each finding: {run.folder.child(layout.QUALITY_CSV)}")
