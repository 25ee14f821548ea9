"""Drift: new images beside those that a reduction was fitted on."""

import numpy as np
import pytest

from spark_job.contract.run_options import ComponentRequest
from spark_job.reduction.drift import Drift, Profile, drift_from, reference
from spark_job.reduction.principal_components import Moments, Reduction, reduce_moments

RANDOM = np.random.default_rng(11)
AXES = np.diag(np.arange(12, 0, -1.0))
ROWS = RANDOM.normal(size=(4_000, 12)) @ AXES


def profile(reduction: Reduction, rows: np.ndarray) -> Profile:
    assert reduction.variances is not None
    return Profile.of(
        reduction.centred(rows), reduction.centred(rows) @ reduction.loadings, reduction.variances
    )


@pytest.fixture(scope="module", params=[True, False], ids=["standardised", "raw"])
def reduction(request) -> Reduction:
    moments = Moments.of([ROWS])
    assert moments is not None
    return reduce_moments(moments, ComponentRequest(0.8, standardize=request.param))


def drift(reduction: Reduction, rows: np.ndarray) -> Drift:
    assert reduction.variances is not None
    found = drift_from(reference(profile(reduction, ROWS), reduction.variances), profile(reduction, rows))
    assert found is not None
    return found


def test_the_fitted_images_keep_the_explained_variance(reduction):
    """Of them, the share that the components hold is the explained variance itself."""
    kept = reduction.explained_variance_ratio[: reduction.component_count].sum()
    assert profile(reduction, ROWS).kept == pytest.approx(kept, rel=1e-9)


def test_variances_are_those_of_the_components(reduction):
    """NumPy's sample variance of the projected rows."""
    np.testing.assert_allclose(
        reduction.variances, (reduction.centred(ROWS) @ reduction.loadings).var(axis=0, ddof=1), rtol=1e-9
    )


def test_the_same_images_do_not_drift(reduction):
    """No shift, the same spread, one in a hundred beyond the limits, no advice to fit anew."""
    found = drift(reduction, ROWS)
    np.testing.assert_allclose(found.shift, 0, atol=1e-9)
    np.testing.assert_allclose(found.spread, 1, rtol=1e-9)
    assert found.beyond_error == pytest.approx(0.01, abs=0.003)
    assert found.beyond_distance == pytest.approx(0.01, abs=0.003)
    assert found.figures()["refit_advised"] is False
    assert "no need to fit anew" in found.advice


def test_new_images_of_the_same_kind_do_not_drift(reduction):
    """Drawn anew from the same distribution."""
    found = drift(reduction, RANDOM.normal(size=(1_000, 12)) @ AXES)
    assert found.figures()["refit_advised"] is False
    assert found.figures()["largest_mean_shift"] < 0.2


def test_what_the_components_miss_calls_for_fitting_anew(reduction):
    """Noise along the directions that were dropped, on top of ordinary images."""
    dropped = np.linalg.svd(reduction.loadings)[0][:, reduction.component_count :]
    noise = RANDOM.normal(size=(500, dropped.shape[1])) @ dropped.T / reduction.scale
    found = drift(reduction, ROWS[:500] + 20 * noise)
    assert found.beyond_error > 0.05
    assert found.kept < found.fitted_kept - 0.05
    assert found.figures()["refit_advised"] is True
    assert found.advice.startswith("Fitting anew is advisable")


def test_images_far_out_along_the_components_are_told_apart(reduction):
    """They are unusual, yet described: T² sees them, Q does not."""
    far = (reduction.loadings[:, 0] * np.sqrt(reduction.variances[0]) * 8) / np.where(
        reduction.scale > 0, reduction.scale, 1
    )
    found = drift(reduction, ROWS[:500] + far)
    assert found.shift[0] == pytest.approx(8, abs=0.3)
    assert found.beyond_distance > 0.9
    assert found.figures()["refit_advised"] is False
    assert "unusually far out" in found.advice


def test_few_images_are_too_few_to_tell(reduction):
    """Neither yes nor no."""
    found = drift(reduction, ROWS[:5] * 50)
    assert found.figures()["refit_advised"] is None
    assert "too few to tell" in found.advice


def test_profiles_of_parts_together_are_that_of_the_whole(reduction):
    """However the rows lie in parts."""
    whole = profile(reduction, ROWS)
    parts = sum(
        (profile(reduction, rows) for rows in np.array_split(ROWS, 7)),
        Profile.empty(reduction.component_count),
    )
    np.testing.assert_allclose(parts.variances, whole.variances, rtol=1e-9)
    assert parts.limits() == whole.limits()
    assert parts.count == whole.count
    assert parts.kept == pytest.approx(whole.kept)
