"""The third stage: principal components, fitted here or in another run, of every usable image."""

from typing import Any

from spark_job.contract import run_layout as layout
from spark_job.images.isolation import start_decoder
from spark_job.parquet_parts import part_uris
from spark_job.pipeline.run_folder import RunFolder
from spark_job.pipeline.saved_reduction import FITTED, load_reduction
from spark_job.pipeline.stage_results import FeatureResult, ReductionResult, Run
from spark_job.reduction.drift import drift_from, reference
from spark_job.reduction.fitting import fit
from spark_job.reduction.model import save_model
from spark_job.reduction.principal_components import Reduction
from spark_job.reduction.profile import Profile
from spark_job.reduction.projection import write_components, write_components_csv
from spark_job.storage import Folder


def reduction_stage(run: Run, features: FeatureResult) -> ReductionResult:
    """Fit the reduction, or load the one that another run fitted; project every usable image."""
    spark, options = run.spark.sparkContext, run.options
    parts = part_uris(run.table(layout.FEATURES))
    if options.reduction:
        reduction = load_reduction(RunFolder(Folder(options.reduction)), run.extractor)
    else:
        length = run.extractor.specification.feature_length
        reduction = fit(spark, parts, features.usable, length, options.request)
    start_decoder()  # for the report's pictures
    components = run.table(layout.COMPONENTS)
    new_parts = features.computed_parts if options.reduction else None
    profile = write_components(spark, parts, reduction, components, profiled=new_parts)
    written = part_uris(components)
    write_components_csv(run.folder.folder, layout.COMPONENTS_CSV, written, reduction.component_count)
    save_model(run.table(layout.MODEL), reduction)
    fitted = _fitted(run, reduction, profile)
    fit_noted = {
        "images": reduction.count,
        "extractor": run.extractor.specification.fingerprint,
        "explained_variance_ratio": reduction.explained_variance_ratio.tolist(),
        FITTED: fitted,
    }
    run.folder.write_json(layout.FIT, fit_noted)
    drift = drift_from(fitted, profile) if options.reduction and fitted else None
    kept = reduction.explained_variance_ratio[: reduction.component_count].sum()
    return ReductionResult(
        components=reduction.component_count,
        explained_variance_ratio=float(kept),
        standardized=reduction.standardized,
        drift=drift,
    )


def _fitted(run: Run, reduction: Reduction, profile: Profile) -> dict[str, Any] | None:
    """Return what drift is measured against: of the run that fitted the reduction."""
    if run.options.reduction:
        noted: dict[str, Any] = RunFolder(Folder(run.options.reduction)).read_json(layout.FIT)
        return noted.get(FITTED)
    return reference(profile, reduction.variances) if reduction.variances is not None else None
