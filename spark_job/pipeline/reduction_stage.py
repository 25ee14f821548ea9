"""The third stage: principal components, fitted here or in another run, of every usable image."""

from typing import Any

import numpy as np

from spark_job.arrow_tables import part_uris
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.errors import read_as_written
from spark_job.extractors.specification import Extractor
from spark_job.images.isolation import start_decoder
from spark_job.pipeline.run_folder import RunFolder
from spark_job.pipeline.stage_results import FeatureResult, ReductionResult, Run
from spark_job.reduction.drift import drift_from, reference
from spark_job.reduction.mllib_files import load_model, save_model
from spark_job.reduction.principal_components import Reduction
from spark_job.reduction.tables import fit, write_components, write_components_csv

FITTED = "fitted"  # of fit.json; earlier versions of this job left none


def check_reduction(fitted_by: RunFolder, extractor: Extractor) -> dict[str, Any]:
    """Return what another run noted of the fit of its reduction; MisuseError: it has none that fits here."""
    with read_as_written(fitted_by.child(layout.FIT)):
        fitted: dict[str, Any] | None = fitted_by.read_json(layout.FIT)
        made_with = "" if fitted is None else str(fitted["extractor"])
    if fitted is None or fitted_by.read_manifest() is None:
        raise MisuseError(
            f"--reduction {fitted_by.uri} is not the folder of a complete run with a reduction: give "
            "RESULTS/RUN_ID of one"
        )
    if difference := extractor.specification.difference(made_with):
        raise MisuseError(
            f"--reduction {fitted_by.uri} was fitted on the features of {difference}: give what it was made "
            "with, or fit anew without --reduction"
        )
    return fitted


def load_reduction(fitted_by: RunFolder, extractor: Extractor) -> Reduction:
    """Return the reduction that another run saved; MisuseError: as `check_reduction`."""
    fitted = check_reduction(fitted_by, extractor)
    with read_as_written(fitted_by.at("reduction").uri):
        ratio = np.asarray(fitted["explained_variance_ratio"], np.float64)
        variances = np.asarray(fitted[FITTED]["variances"], np.float64) if fitted.get(FITTED) else None
        reduction = load_model(fitted_by.at(layout.MODEL), fitted["images"], ratio, variances)
        length, found = extractor.specification.feature_length, len(reduction.loadings)
        if not length == found == reduction.mean.size == reduction.scale.size:
            raise ValueError(f"{found} numbers for {length} features")
    return reduction


def fit_curve(folder: RunFolder) -> np.ndarray:
    """Return (r,) float64, the shares of variance of all components; empty when nothing was reduced."""
    fitted = folder.read_json(layout.FIT) or {"explained_variance_ratio": []}
    return np.asarray(fitted["explained_variance_ratio"], np.float64)


def reduction_stage(run: Run, features: FeatureResult) -> ReductionResult:
    """Fit the reduction, or load the one that another run fitted; project every usable image."""
    spark, options = run.spark.sparkContext, run.options
    parts = part_uris(run.folder.at(layout.FEATURES))
    if options.reduction:
        reduction = load_reduction(RunFolder(options.reduction), run.extractor)
    else:
        length = run.extractor.specification.feature_length
        reduction = fit(spark, parts, features.usable, length, options.request)
    if features.rejected:
        start_decoder()  # for their pictures in the report
    components = run.folder.at(layout.COMPONENTS)
    new_parts = features.computed_parts if options.reduction else None
    profile = write_components(spark, parts, reduction, components, profiled=new_parts)
    written = part_uris(components)
    write_components_csv(run.folder, layout.COMPONENTS_CSV, written, reduction.component_count)
    save_model(run.folder.at(layout.MODEL), reduction)
    fitted: dict[str, Any] | None = None  # of the run that fitted the reduction: drift is measured against it
    if options.reduction:
        fitted = RunFolder(options.reduction).read_json(layout.FIT).get(FITTED)
    elif reduction.variances is not None:
        fitted = reference(profile, reduction.variances)
    run.folder.write_json(
        layout.FIT,
        {
            "images": reduction.count,
            "extractor": run.extractor.specification.fingerprint,
            "explained_variance_ratio": reduction.explained_variance_ratio.tolist(),
            FITTED: fitted,
        },
    )
    drift = drift_from(fitted, profile) if options.reduction and fitted else None
    kept = reduction.explained_variance_ratio[: reduction.component_count].sum()
    return ReductionResult(
        components=reduction.component_count,
        explained_variance_ratio=float(kept),
        standardized=reduction.standardized,
        drift=drift,
    )
