"""The comparison: what is read of both runs, and what is written."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spark_job.analyses.analysis_run import AnalysisRun
from spark_job.analyses.comparison.compared_run import (
    ComparedRun,
    newest_accuracy,
    no_common_space,
    principal_angles,
)
from spark_job.analyses.comparison.report import document, findings
from spark_job.analyses.source_run import SourceRun
from spark_job.analyses.summary import Summary
from spark_job.contract.errors import MisuseError
from spark_job.contract.uris import normalise
from spark_job.storage import Folder


@dataclass(frozen=True)
class Angles:
    """Between the components of both runs, in degrees; or why there are none."""

    degrees: np.ndarray
    why_none: str | None


def compare_runs(uris: tuple[str, str], results: str, prices: Sequence[float], run_id: str | None) -> Summary:
    """Write the comparison of two finished runs.

    Args:
        prices: of an hour of what ran them; none, one for both, or two.

    Raises:
        MisuseError: a run is not there, both are the same, or more than two prices.
    """
    if len(prices) > 2:
        raise MisuseError(f"--price-per-hour was given {len(prices)} times: give it once or twice")
    runs = [SourceRun.open(uri) for uri in uris]
    if runs[0].uri == runs[1].uri:
        raise MisuseError(f"both runs are {runs[0].uri}: name two")
    run = AnalysisRun.begin("compare", results, runs, {"price_per_hour": list(prices)}, run_id)
    both = [None, None] if not prices else [prices[0], prices[-1]]
    compared = [_compared(one, normalise(results), price) for one, price in zip(runs, both, strict=True)]
    angles = _angles(*runs)
    metrics = {
        "compare": {
            "runs": [run.figures() for run in compared],
            "subspace_angles_degrees": angles.degrees.tolist(),
        }
    }
    return run.finish(
        metrics, document(compared, angles.degrees, angles.why_none), findings(compared, angles.degrees)
    )


def _compared(run: SourceRun, results: str, price: float | None) -> ComparedRun:
    places = {results, run.uri.rpartition("/")[0]}
    accuracy = newest_accuracy(run, [Folder(place) for place in sorted(places)])
    return ComparedRun(run, accuracy, price)


def _angles(one: SourceRun, other: SourceRun) -> Angles:
    why = no_common_space(one, other)
    if why:
        return Angles(np.empty(0), why)
    return Angles(principal_angles(one.reduction(), other.reduction()), None)
