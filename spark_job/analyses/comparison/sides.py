"""One of the two runs: the figures that are compared."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spark_job.analyses.source_run import SourceRun
from spark_job.pipeline.run_folder import RunFolder
from spark_job.pipeline.saved_reduction import fit_curve


@dataclass(frozen=True)
class Side:
    """A run, the accuracy of the classifier trained on it, and the price of an hour of what ran it."""

    run: SourceRun
    accuracy: float | None
    price_per_hour: float | None

    @property
    def name(self) -> str:
        """The run's id."""
        return self.run.run_id

    @property
    def seconds(self) -> float:
        """Wall time of the run."""
        return float(self.run.metrics["seconds"]["total"])

    @property
    def cost(self) -> float | None:
        """Price of the run's wall time; None without a price."""
        return None if self.price_per_hour is None else self.seconds / 3600 * self.price_per_hour

    @property
    def curve(self) -> np.ndarray:
        """(r,) float64, cumulative share of the variance of all components; empty without a reduction."""
        return np.cumsum(fit_curve(RunFolder(self.run.folder.folder)))

    @property
    def parameters(self) -> dict[str, str]:
        """Option -> value, nested ones by dotted names."""
        given = dict(self.run.manifest["parameters"])
        flat = {name: value for name, value in given.items() if not isinstance(value, dict)}
        for name, value in given.items():
            if isinstance(value, dict):
                flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        flat["network"] = self.run.manifest["extractor"]["specification"]["model"]
        flat["code"] = self.run.manifest["code"]["sha256"][:12]
        return {name: _text(value) for name, value in flat.items()}

    def figures(self) -> dict[str, Any]:
        """Return what metrics.json says about this run."""
        metrics = self.run.metrics
        return {
            "run": self.run.uri,
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
