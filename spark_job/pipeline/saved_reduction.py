"""The reduction of another run: whether it can be applied, and what that run noted of its fit."""

from typing import Any

import numpy as np

from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.extractors.folder import Extractor
from spark_job.pipeline.run_folder import RunFolder
from spark_job.reduction.model import load_model
from spark_job.reduction.principal_components import Reduction

FITTED = "fitted"  # of fit.json; earlier versions of this job left none


def check_reduction(fitted_by: RunFolder, extractor: Extractor) -> dict[str, Any]:
    """Return what another run noted of the fit of its reduction.

    Raises:
        MisuseError: the folder holds no complete run with a reduction, or of another extractor.
    """
    fitted: dict[str, Any] | None = fitted_by.read_json(layout.FIT)
    if fitted is None or fitted_by.read_manifest() is None:
        raise MisuseError(
            f"--reduction {fitted_by.folder.uri} is not the folder of a complete run with a reduction: give "
            "RESULTS/RUN_ID of one"
        )
    if fitted["extractor"] != extractor.specification.fingerprint:
        raise MisuseError(
            f"--reduction {fitted_by.folder.uri} was fitted on the features of another extractor: give "
            "that extractor, or fit anew without --reduction"
        )
    return fitted


def load_reduction(fitted_by: RunFolder, extractor: Extractor) -> Reduction:
    """Return the reduction that another run saved.

    Raises:
        MisuseError: as `check_reduction`.
    """
    fitted = check_reduction(fitted_by, extractor)
    ratio = np.asarray(fitted["explained_variance_ratio"])
    variances = np.asarray(fitted[FITTED]["variances"]) if fitted.get(FITTED) else None
    return load_model(fitted_by.folder.at(layout.MODEL), fitted["images"], ratio, variances)


def fit_curve(folder: RunFolder) -> np.ndarray:
    """Return (r,) float64, the shares of variance of all components; empty when nothing was reduced."""
    fitted = folder.read_json(layout.FIT) or {"explained_variance_ratio": []}
    return np.asarray(fitted["explained_variance_ratio"], np.float64)
