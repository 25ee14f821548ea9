"""How new images differ from those that a reduction was fitted on, and whether to fit anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spark_job.reduction.profile import Profile

# Of 30 images one beyond a 99 % limit is chance; of fewer nothing is said.
MIN_IMAGES = 30
# Five times what the 99 % limit lets through.
MOST_BEYOND = 0.05
# Of the variance that the components held when they were fitted.
MOST_LOST = 0.05


@dataclass(frozen=True)
class Drift:
    """New images beside the fitted ones.

    Attributes:
        images: how many new ones.
        fitted_images: how many the reduction was fitted on.
        fitted_kept, kept: share of the squared distance from the fitted mean that the components hold, of the
            fitted and of the new images.
        shift: k numbers, the new images' mean along each component, in the fitted standard deviations.
        spread: k numbers, the new images' variance along each component / the fitted one.
        beyond_error: share of new images whose reconstruction error Q exceeds the fitted 99th percentile.
        beyond_distance: share of those whose Hotelling T² does.
    """

    images: int
    fitted_images: int
    fitted_kept: float
    kept: float
    shift: list[float]
    spread: list[float]
    beyond_error: float
    beyond_distance: float

    @property
    def reasons(self) -> list[str]:
        """Why to fit anew: what the components miss. Empty when there is no reason, or too few images."""
        if self.images < MIN_IMAGES:
            return []
        reasons = []
        if self.beyond_error > MOST_BEYOND:
            reasons.append(
                f"{self.beyond_error:.1%} of the new images have a reconstruction error beyond the fitted "
                f"99 % limit (1 % is usual, more than {MOST_BEYOND:.0%} is not)"
            )
        if self.fitted_kept - self.kept > MOST_LOST:
            reasons.append(
                f"the components hold {self.kept:.1%} of the new images' variance about the fitted mean, "
                f"{self.fitted_kept:.1%} of the fitted ones'"
            )
        return reasons

    @property
    def advice(self) -> str:
        """One sentence on whether to fit anew."""
        if self.images < MIN_IMAGES:
            return f"{self.images} new images are too few to tell; {MIN_IMAGES} are needed."
        if self.reasons:
            return f"Fitting anew is advisable: {'; '.join(self.reasons)}."
        if self.beyond_distance > MOST_BEYOND:
            return (
                f"The components still describe the new images, but {self.beyond_distance:.1%} of these lie "
                "unusually far out along them: look at what was photographed before fitting anew."
            )
        return "The components still describe the new images: no need to fit anew."

    def figures(self) -> dict[str, Any]:
        """Return `drift` of metrics.json."""
        return {
            "images": self.images,
            "fitted_variance_kept": self.fitted_kept,
            "variance_kept": self.kept,
            "variance_ratio": float(np.median(self.spread)),
            "mean_shift": float(np.sqrt(np.mean(np.square(self.shift)))),
            "largest_mean_shift": float(np.abs(self.shift).max()),
            "beyond_error_limit": self.beyond_error,
            "beyond_distance_limit": self.beyond_distance,
            "refit_advised": None if self.images < MIN_IMAGES else bool(self.reasons),
        }


def reference(profile: Profile, variances: np.ndarray) -> dict[str, Any]:
    """Return what `drift_from` needs of the images that a reduction was fitted on; JSON types.

    Args:
        variances: (k,) float64, of the components.
    """
    return {
        "variances": variances.tolist(),
        "kept": profile.kept,
        "limits": profile.limits(),
        "images": profile.count,
    }


def drift_from(fitted: Mapping[str, Any], new: Profile) -> Drift | None:
    """Compare new images with the fitted ones; None for fewer than 2 new ones.

    Args:
        fitted: what `reference` gave.
    """
    if new.count < 2:
        return None
    variances, beyond = np.array(fitted["variances"]), new.beyond(fitted["limits"])
    return Drift(
        new.count,
        fitted["images"],
        fitted["kept"],
        new.kept,
        (new.mean / np.sqrt(variances)).tolist(),
        (new.variances / variances).tolist(),
        beyond["error"],
        beyond["distance"],
    )
