"""The whole analysis: samples, spectra, report."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from pyspark import SparkContext

from spark_job.analyses.analysis_run import AnalysisRun
from spark_job.analyses.convergence.curves import Step, components_needed, figures
from spark_job.analyses.convergence.report import document
from spark_job.analyses.convergence.samples import Growth, sample_moments
from spark_job.analyses.source_run import SourceRun
from spark_job.contract import run_layout as layout
from spark_job.errors import MisuseError, ReductionError
from spark_job.parquet_parts import part_uris
from spark_job.reduction.fitting import MAX_COVARIANCE_COLUMNS, moments
from spark_job.spark_errors import named_by_cause


@dataclass(frozen=True)
class ConvergenceRequest:
    """What to look at.

    Attributes:
        per_class: sizes of samples; all images are looked at besides.
        shares: of the variance.
        seeds: how many samples of each size.
    """

    per_class: tuple[int, ...] = (10, 30, 100)
    shares: tuple[float, ...] = (0.7, 0.8, 0.9, 0.95)
    seeds: int = 5

    def check(self) -> None:
        """Refuse what has no answer.

        Raises:
            MisuseError: says what to give.
        """
        if not self.per_class or min(self.per_class) < 2 or sorted(set(self.per_class)) != [*self.per_class]:
            raise MisuseError(
                f"--samples {self.per_class}: give sizes from 2, each larger than the one before"
            )
        if not self.shares or not all(0 < share <= 1 for share in self.shares):
            raise MisuseError(f"--shares {self.shares}: give shares of the variance above 0, at most 1")


def analyse_convergence(
    source: SourceRun,
    request: ConvergenceRequest,
    run: AnalysisRun,
    session: Callable[[], Any],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Write the analysis of one run's features.

    Args:
        session: gives the Spark session when it is needed.
        say: told what happens, a line at a time.

    Returns:
        The manifest.

    Raises:
        ReductionError: more features than a covariance can hold.
    """
    length = source.metrics["features"]["length"]
    if length > MAX_COVARIANCE_COLUMNS:
        raise ReductionError(
            f"{length:,} features are more than convergence can follow ({MAX_COVARIANCE_COLUMNS:,}): give a "
            "run of an extractor with pooling"
        )
    with named_by_cause("the analysis"):
        steps = _steps(session().sparkContext, source, request, length, say)
    metrics = {"convergence": figures(steps, request.shares), "images": {s.name: s.images for s in steps}}
    return run.finish(metrics, document(source, steps, request.shares, _parameters(request)))


def _parameters(request: ConvergenceRequest) -> dict[str, str]:
    joined = {
        name: ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        for name, value in asdict(request).items()
    }
    return {name.replace("_", " "): value for name, value in joined.items()}


def _steps(
    spark: SparkContext,
    source: SourceRun,
    request: ConvergenceRequest,
    length: int,
    say: Callable[[str], None],
) -> list[Step]:
    parts = part_uris(source.table(layout.FEATURES))
    by_size: list[list[Any]] = [[] for _ in request.per_class]
    images = [0] * len(request.per_class)
    for seed in range(request.seeds):
        say(f"samples of seed {seed} …")
        found = sample_moments(spark, parts, length, Growth(request.per_class, seed))
        for place, one in enumerate(found):
            by_size[place].append(components_needed(one, request.shares))
            images[place] = one.count
    say("all images …")
    everything = moments(spark, parts, length)
    sampled = [
        Step(size, count, found)
        for size, count, found in zip(request.per_class, images, by_size, strict=True)
        if count < everything.count  # a sample that holds all images says nothing new
    ]
    return [*sampled, Step(None, everything.count, [components_needed(everything, request.shares)])]
