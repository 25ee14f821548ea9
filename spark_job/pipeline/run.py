"""A run from start to end: the stages, each once, then metrics, manifest, and what a person is told."""

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

from pyspark.sql import SparkSession

from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.contract.manifest import Manifest
from spark_job.contract.options import PLACE, RESULTS
from spark_job.contract.run_options import RunOptions
from spark_job.contract.uris import is_s3
from spark_job.errors import JobError, ListingError, StorageError
from spark_job.extractors.specification import Extractor
from spark_job.pipeline import stage_results as stages
from spark_job.pipeline.feature_stage import feature_stage
from spark_job.pipeline.listing_stage import list_stage
from spark_job.pipeline.progress import RunProgress
from spark_job.pipeline.reduction_stage import reduction_stage
from spark_job.pipeline.report_stage import report_stage
from spark_job.pipeline.run_folder import RunFolder
from spark_job.report.words import speed
from spark_job.session import named_by_cause
from spark_job.storage import Folder


def run_pipeline(
    options: RunOptions,
    say: Callable[[str], None],
    session: Callable[[], SparkSession],
) -> Manifest:
    """Run, or go on with a run, until its manifest is there; a FruitError says what to do next."""
    started = time.monotonic()
    extractor = Extractor.open(Folder(options.extractor))
    folder = RunFolder(Folder(options.results).child(options.run_id))
    fingerprint = options.fingerprint(extractor.specification.fingerprint)
    is_new = folder.is_empty()
    manifest = folder.open(fingerprint, options.parameters, options.resume)
    if is_new and options.resume:
        say(f"note: there is no {folder.uri} to go on with: a new run begins")
    if manifest is not None:
        say(f"{folder.uri} is complete: nothing to do")
        return manifest
    stage_seconds = dict[str, float]()
    try:
        scratch_folder = tempfile.TemporaryDirectory(prefix="spark-job-")
        with scratch_folder as scratch, RunProgress(folder) as progress:
            run = stages.Run(session, options, extractor, folder, Path(scratch), fingerprint, progress)
            results, report_files = run_stages(run, say, stage_seconds)
            progress.begin("complete", results.image_counts["usable"])
    except (ListingError, MisuseError):
        # A new run on this machine that was asked for in a wrong way goes: no attempt could finish it.
        if is_new and not is_s3(folder.uri) and folder.stage("listing") is None:
            shutil.rmtree(folder.uri, ignore_errors=True)
        raise
    seconds = dict.fromkeys(stages.STAGES, 0.0) | stage_seconds | {"total": time.monotonic() - started}
    metrics = metrics_of(results, extractor.specification.feature_length, seconds)
    specification = extractor.specification
    return folder.complete(
        Folder(options.results),
        metrics,
        run_id=options.run_id,
        parents=tuple(uri for uri in (results.listing.previous, options.reduction) if uri),
        fingerprint=fingerprint,
        parameters=options.parameters,
        command=tuple(options.arguments(RESULTS, PLACE)),
        extractor={"fingerprint": specification.fingerprint, "specification": asdict(specification)},
        images=metrics["images"],
        cost_usd=progress.cost_usd,
        instance_types=progress.instance_types,
        outputs=tuple(sorted(outputs_of(results, report_files))),
    )


def run_stages(
    run: stages.Run, say: Callable[[str], None], seconds: dict[str, float]
) -> tuple[stages.StageResults, Sequence[str]]:
    """Complete every stage and name the report's files; without images there is a listing alone."""
    complete = partial(complete_stage, run, say, seconds)
    listing: stages.ListingResult = complete("listing", lambda: list_stage(run))
    for warning in listing.warnings:
        say(f"warning: {warning.splitlines()[0]}")
    results = stages.StageResults(listing=listing)
    if listing.selected:
        features: stages.FeatureResult = complete("features", lambda: feature_stage(run, listing))
        reduction: stages.ReductionResult = complete("reduction", lambda: reduction_stage(run, features))
        results = replace(results, features=features, reduction=reduction)
    report: stages.ReportResult = complete("report", lambda: report_stage(run, results, seconds))
    return results, report.files


def complete_stage(
    run: stages.Run,
    say: Callable[[str], None],
    seconds: dict[str, float],
    name: str,
    work: Callable[[], Any],
) -> Any:
    """Return what a stage left in an earlier attempt, or leaves now; note the seconds that it took."""
    content = run.folder.stage(name)
    if content is not None:
        say(f"{name}: complete already")
        result, seconds[name] = stages.result_from_json(name, content)
        return result
    run.progress.check_cost()
    say(f"{name} …")
    run.progress.begin(name)
    started = time.monotonic()
    again = f"run the same command with --run-id {run.options.run_id} --resume"
    try:
        with named_by_cause(f"the stage {name}", f"what is complete is kept: mend the cause and {again}"):
            result = work()
    except JobError as error:
        run.progress.check_cost()  # it may be why Spark's jobs were cancelled
        if isinstance(error, StorageError):
            raise StorageError(f"{error}; what is complete is kept: {again}") from error
        raise
    seconds[name] = time.monotonic() - started
    run.folder.complete_stage(name, stages.result_to_json(result, seconds[name]))
    return result


def metrics_of(results: stages.StageResults, length: int, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return `metrics.json`; docs/results-folder.md says what each figure is."""
    features, reduction = results.features, results.reduction
    rates = ("images_per_second", "cores", "cpu_utilization", "images_per_second_per_core", "megapixels")
    shares = ("components", "explained_variance_ratio", "standardized")
    return {
        "images": {**results.image_counts, "skipped_by_reason": results.listing.skipped},
        **({"labels": results.listing.labels} if results.listing.labels else {}),
        "features": {"length": length, **{name: getattr(features, name, None) for name in rates}},
        "reduction": {name: getattr(reduction, name, None) for name in shares},
        "drift": reduction.drift.figures() if reduction and reduction.drift else None,
        "seconds": seconds,
    }


def outputs_of(results: stages.StageResults, report_files: Sequence[str]) -> list[str]:
    """Return the files and folders of a run whose stages are complete."""
    outputs = [layout.METRICS, layout.LISTING, *(f"{layout.REPORT}/{name}" for name in report_files)]
    if results.listing.previous:
        outputs.append(layout.REUSE)
    if results.features:
        outputs += [layout.FEATURES, layout.REJECTED]
    if results.reduction:
        outputs += [layout.MODEL, layout.FIT, layout.COMPONENTS, layout.COMPONENTS_CSV]
    return outputs


def summary(options: RunOptions) -> str:
    """Return the counts and figures of a complete run, where its results are, and what to do next."""
    folder = RunFolder(Folder(options.results).child(options.run_id))
    metrics = folder.read_json(layout.METRICS)
    counts = metrics["images"]
    kept = f" + {counts['kept']:,} kept" if counts["kept"] else ""
    lines = [
        f"images    {counts['listed']:,} listed{kept} = {counts['usable']:,} usable"
        f" + {counts['rejected']:,} rejected + {counts['skipped']:,} skipped"
    ]
    if counts["reused"] + counts["removed"]:
        lines.append(
            f"reused    {counts['reused'] + counts['kept']:,} from the previous run, "
            f"{counts['new']:,} computed (new, changed or rejected before), "
            f"{counts['removed']:,} gone from the source"
        )
    if counts["usable"]:
        features, reduction = metrics["features"], metrics["reduction"]
        rate = features["images_per_second"]
        new = f"{speed(rate)} images/s" if rate else "none new"
        lines += [
            f"features  {features['length']:,} each, {new}",
            f"PCA       {reduction['components']:,} components keep "
            f"{reduction['explained_variance_ratio']:.1%} of the variance",
        ]
    else:
        lines.append("nothing to do: there were no images")
    if metrics["drift"]:
        beyond = metrics["drift"]["beyond_error_limit"]
        advice = {True: "fit anew", False: "no need to fit anew", None: "too few to tell"}
        said = advice[metrics["drift"]["refit_advised"]]
        lines.append(f"drift     {beyond:.1%} of the new images beyond the 99 % reconstruction error: {said}")
    if counts.get("damaged"):  # not in the figures of earlier versions
        lines.append(f"damaged   {counts['damaged']:,} of the usable images in part: see `fruit check`")
    if counts["rejected"]:
        lines.append(f"rejected  {folder.child(layout.REJECTED)}")
    spent = ", ".join(f"{name} {metrics['seconds'][name]:.1f}" for name in stages.STAGES)
    lines += [
        f"time      {metrics['seconds']['total']:.1f} s ({spent})",
        f"results   {folder.uri}",
        f"report    {folder.child('report/index.html')}",
    ]
    if counts["usable"]:
        words = f"--features={quote(folder.uri)} --results={quote(options.results)}"
        lines.append(f"next      fruit check {words}, or fruit train with the same words")
    return "\n".join(lines)
