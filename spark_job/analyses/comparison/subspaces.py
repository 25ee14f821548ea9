"""The angles between what two reductions keep."""

import numpy as np
from scipy.linalg import subspace_angles

from spark_job.analyses.source_run import SourceRun
from spark_job.reduction.principal_components import Reduction


def principal_angles(one: Reduction, other: Reduction) -> np.ndarray:
    """Return (min(k1, k2),) float64 angles in degrees, ascending: 0 is a direction that both keep.

    Bjoerck and Golub 1973, "Numerical methods for computing angles between linear subspaces" (Mathematics of
    Computation 27), as SciPy has it. Both must reduce the same features in the same units.
    """
    return np.sort(np.degrees(subspace_angles(one.loadings, other.loadings)))


def no_common_space(one: SourceRun, other: SourceRun) -> str | None:
    """Return why there are no angles between two runs' components, or None when there are."""
    networks = [run.manifest["extractor"]["fingerprint"] for run in (one, other)]
    if networks[0] != networks[1]:
        return "The runs have features of different extractors: their components lie in different spaces."
    kinds = {run.metrics["reduction"]["standardized"] for run in (one, other)}
    if None in kinds:
        return "One of the runs had no images, so it has no components."
    if len(kinds) > 1:
        return "One run standardises its features and the other does not: their axes have different units."
    return None
