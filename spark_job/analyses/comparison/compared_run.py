"""One of two compared runs: its figures, its newest classifier, the angles to the other's components."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import subspace_angles

from spark_job.analyses.source_run import SourceRun
from spark_job.contract import run_layout as layout
from spark_job.contract.manifest import RunFigures
from spark_job.pipeline.run_folder import RunFolder, complete_runs
from spark_job.pipeline.saved_reduction import fit_curve
from spark_job.reduction.principal_components import Reduction
from spark_job.storage import Folder

TRAIN = "train"


@dataclass(frozen=True)
class ComparedRun:
    """A run, the accuracy of the classifier trained on it, and the price of an hour of what ran it."""

    source: SourceRun
    accuracy: float | None
    price_per_hour: float | None

    @property
    def name(self) -> str:
        """The run's id."""
        return self.source.run_id

    @property
    def seconds(self) -> float:
        """Wall time of the run."""
        return float(self.source.metrics["seconds"]["total"])

    @property
    def cost(self) -> float | None:
        """Price of the run's wall time; None without a price."""
        return None if self.price_per_hour is None else self.seconds / 3600 * self.price_per_hour

    @property
    def curve(self) -> np.ndarray:
        """(r,) float64, cumulative share of the variance of all components; empty without a reduction."""
        return np.cumsum(fit_curve(RunFolder(self.source.folder.folder)))

    @property
    def parameters(self) -> dict[str, str]:
        """Option -> value, nested ones by dotted names."""
        given = dict(self.source.manifest.parameters)
        flat = {name: value for name, value in given.items() if not isinstance(value, dict)}
        for name, value in given.items():
            if isinstance(value, dict):
                flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        flat["network"] = self.source.manifest.model
        flat["code"] = self.source.manifest.code["sha256"][:12]
        return {name: _text(value) for name, value in flat.items()}

    def figures(self) -> dict[str, Any]:
        """Return what metrics.json says about this run."""
        metrics = self.source.metrics
        return {
            "run": self.source.uri,
            "images": {name: metrics["images"][name] for name in ("listed", "usable", "rejected", "skipped")},
            "images_per_second": metrics["features"]["images_per_second"],
            "components": metrics["reduction"]["components"],
            "explained_variance_ratio": metrics["reduction"]["explained_variance_ratio"],
            "accuracy": self.accuracy,
            "seconds": self.seconds,
            "cost": self.cost,
        }


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def newest_accuracy(run: SourceRun, places: Sequence[Folder]) -> float | None:
    """Return the test accuracy of the newest `train` run whose first parent is this run, or None.

    Args:
        places: results folders to look in.

    Raises:
        StorageError: one of them cannot be read.
    """
    accuracies: list[tuple[str, float]] = []
    for place in places:
        for folder, manifest in complete_runs(place):
            if manifest.kind == TRAIN and manifest.parents[:1] == (run.uri,):
                figures = RunFigures.from_json(folder.read_json(layout.METRICS) or {})
                if figures.accuracy is not None:
                    accuracies.append((manifest.created, figures.accuracy))
    return max(accuracies)[1] if accuracies else None


def principal_angles(one: Reduction, other: Reduction) -> np.ndarray:
    """Return (min(k1, k2),) float64 angles in degrees, ascending: 0 is a direction that both keep.

    Bjoerck and Golub 1973, "Numerical methods for computing angles between linear subspaces" (Mathematics of
    Computation 27), as SciPy has it. Both must reduce the same features in the same units.
    """
    return np.sort(np.degrees(subspace_angles(one.loadings, other.loadings)))


def no_common_space(one: SourceRun, other: SourceRun) -> str | None:
    """Return why there are no angles between two runs' components, or None when there are."""
    networks = [run.manifest.extractor_fingerprint for run in (one, other)]
    if networks[0] != networks[1]:
        return "The runs have features of different extractors: their components lie in different spaces."
    kinds = {run.metrics["reduction"]["standardized"] for run in (one, other)}
    if None in kinds:
        return "One of the runs had no images, so it has no components."
    if len(kinds) > 1:
        return "One run standardises its features and the other does not: their axes have different units."
    return None
