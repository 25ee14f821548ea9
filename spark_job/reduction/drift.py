"""How images lie about a fitted reduction: sums and histograms, gathered in parts and merged exactly.

Two distances say how unusual an image is: the squared reconstruction error Q and Hotelling's T² (how far out
it lies along the components): Jackson and Mudholkar 1979, Technometrics 21. Limits are the 99th percentiles
of the images that the reduction was fitted on, as features come in clusters: Kourti and MacGregor 1995,
Chemometrics and Intelligent Laboratory Systems 28.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from typing import Any

import numpy as np

from spark_job.session import Sum

LOWEST_OCTAVE, OCTAVES, BINS_AN_OCTAVE = -40, 120, 32  # of log2: 32 bins an octave are steps of 2.2 %
BINS = OCTAVES * BINS_AN_OCTAVE
LIMIT_QUANTILE = 0.99
ROUNDING = 1e-10  # a smaller share of an image's squared length is rounding, not a reconstruction error
MIN_IMAGES = 30  # of 30 images one beyond a 99 % limit is chance; of fewer nothing is said
MOST_BEYOND = 0.05  # five times what the 99 % limit lets through
MOST_LOST = 0.05  # of the variance that the components held when they were fitted


@dataclass(frozen=True)
class Profile(Sum):
    """How n images lie about k components."""

    count: int  # n
    total: np.ndarray  # (k,) float64, sum of the components
    square: np.ndarray  # (k,) float64, sum of their squares
    length: float  # sum over images of the squared distance from the fitted mean, in the reduction's units
    missed: float  # sum of Q, the part of it that the components miss
    errors: np.ndarray  # (BINS,) int64, histogram of Q
    distances: np.ndarray  # (BINS,) int64, histogram of T²

    @classmethod
    def empty(cls, k: int) -> "Profile":
        none = np.zeros(BINS, np.int64)
        return cls(0, np.zeros(k), np.zeros(k), 0.0, 0.0, none, none)

    @classmethod
    def of(cls, centred: np.ndarray, components: np.ndarray, variances: np.ndarray) -> "Profile":
        """Return the profile of (n, d) centred rows, their (n, k) components and the fitted variances."""
        length = np.einsum("ij,ij->i", centred, centred)
        error = np.maximum(length - np.einsum("ij,ij->i", components, components), ROUNDING * length)
        squares = np.square(components)
        sums = components.sum(axis=0), squares.sum(axis=0), float(length.sum()), float(error.sum())
        return cls(len(centred), *sums, _histogram(error), _histogram(squares @ (1 / variances)))

    @property
    def mean(self) -> np.ndarray:
        """(k,) float64, of the components."""
        return np.asarray(self.total / self.count)

    @property
    def variances(self) -> np.ndarray:
        """(k,) float64, of the components about their own mean; n at least 2."""
        return np.asarray((self.square - self.count * np.square(self.mean)) / (self.count - 1))

    @property
    def kept(self) -> float:
        """Share of the squared distance from the fitted mean that the components hold, 0 to 1."""
        return 1 - self.missed / self.length if self.length else 1.0

    def limits(self) -> dict[str, float]:
        """Return the upper ends of the bins that hold the 99th percentiles: `error` (Q), `distance` (T²)."""
        return {"error": _quantile(self.errors), "distance": _quantile(self.distances)}

    def beyond(self, limits: Mapping[str, float]) -> dict[str, float]:
        """Return the shares of images beyond limits that `limits` gave: `error` and `distance`."""
        found: dict[str, Any] = {"error": self.errors, "distance": self.distances}
        bins = {name: round((log2(edge) - LOWEST_OCTAVE) * BINS_AN_OCTAVE) for name, edge in limits.items()}
        return {name: float(found[name][bins[name] :].sum() / self.count) for name in found}


def _histogram(values: np.ndarray) -> np.ndarray:
    octaves = np.log2(np.maximum(values, 2.0**LOWEST_OCTAVE)) - LOWEST_OCTAVE
    return np.bincount(np.minimum((octaves * BINS_AN_OCTAVE).astype(np.int64), BINS - 1), minlength=BINS)


def _quantile(histogram: np.ndarray) -> float:
    reached = np.searchsorted(np.cumsum(histogram), LIMIT_QUANTILE * histogram.sum())
    return float(2.0 ** ((reached + 1) / BINS_AN_OCTAVE + LOWEST_OCTAVE))


@dataclass(frozen=True)
class Drift:
    """New images beside the fitted ones."""

    images: int
    fitted_images: int
    fitted_kept: float  # share of the squared distance from the mean that the components hold
    kept: float  # the same of the new images, about the fitted mean
    shift: list[float]  # k numbers, the new images' mean along each component, in fitted deviations
    spread: list[float]  # k numbers, the new images' variance along each component / the fitted one
    beyond_error: float  # share of new images whose reconstruction error Q exceeds the fitted 99th percentile
    beyond_distance: float  # share of those whose Hotelling T² does

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
    """Return what `drift_from` needs of the fitted images, JSON types; variances: (k,), of the components."""
    return {
        "variances": variances.tolist(),
        "kept": profile.kept,
        "limits": profile.limits(),
        "images": profile.count,
    }


def drift_from(fitted: Mapping[str, Any], new: Profile) -> Drift | None:
    """Compare new images with what `reference` gave of the fitted ones; None for fewer than 2 new ones."""
    if new.count < 2:
        return None
    variances, beyond = np.array(fitted["variances"]), new.beyond(fitted["limits"])
    shift, spread = (new.mean / np.sqrt(variances)).tolist(), (new.variances / variances).tolist()
    fitted_count, kept = fitted["images"], fitted["kept"]
    return Drift(new.count, fitted_count, kept, new.kept, shift, spread, beyond["error"], beyond["distance"])
