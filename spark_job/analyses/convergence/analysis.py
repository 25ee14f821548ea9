"""The whole analysis: samples, spectra, report."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyspark import SparkContext

from spark_job.analyses.analysis_run import AnalysisRun
from spark_job.analyses.convergence.curves import Step, components_needed, figures
from spark_job.analyses.convergence.report import document, findings
from spark_job.analyses.convergence.samples import Growth, sample_moments
from spark_job.analyses.source_run import SourceRun
from spark_job.analyses.summary import Summary
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.errors import ReductionError
from spark_job.parquet_parts import part_uris
from spark_job.reduction.fitting import MAX_COVARIANCE_COLUMNS, moments


@dataclass(frozen=True)
class ConvergenceOptions:
    """What to look at.

    Attributes:
        features: RESULTS/RUN_ID of a run.
        per_class: sizes of samples; all images are looked at besides.
        shares: of the variance.
        seeds: how many samples of each size.
    """

    features: str
    results: str
    per_class: tuple[int, ...] = (10, 30, 100)
    shares: tuple[float, ...] = (0.7, 0.8, 0.9, 0.95)
    seeds: int = 5
    run_id: str | None = None

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

    @property
    def parameters(self) -> dict[str, Any]:
        """The options that decide the result, JSON types."""
        return {"samples": list(self.per_class), "shares": list(self.shares), "seeds": self.seeds}


def analyse_convergence(
    options: ConvergenceOptions, spark: Callable[[], SparkContext], say: Callable[[str], None]
) -> Summary:
    """Find how many components hold a share of the variance as the sample grows.

    Args:
        spark: called when Spark is first needed.
        say: called with each line of progress.

    Raises:
        MisuseError: no such run, or sizes and shares that have no answer.
        ReductionError: more features than a covariance can hold.
    """
    options.check()
    source = SourceRun.open(options.features)
    length = source.metrics["features"]["length"]
    if length > MAX_COVARIANCE_COLUMNS:
        raise ReductionError(
            f"{length:,} features are more than convergence can follow ({MAX_COVARIANCE_COLUMNS:,}): give a "
            "run of an extractor with pooling"
        )
    run = AnalysisRun.begin("convergence", options.results, [source], options.parameters, options.run_id)
    say(f"run {run.run_id}")
    steps = _steps(spark(), source, options, length, say)
    metrics = {
        "convergence": figures(steps, options.shares),
        "images": {step.name: step.image_count for step in steps},
    }
    return run.finish(metrics, document(source, steps, options.shares), findings(steps, options.shares))


def _steps(
    spark: SparkContext,
    source: SourceRun,
    options: ConvergenceOptions,
    length: int,
    say: Callable[[str], None],
) -> list[Step]:
    parts = part_uris(source.table(layout.FEATURES))
    by_size: list[list[Any]] = [[] for _ in options.per_class]
    image_counts = [0] * len(options.per_class)
    for seed in range(options.seeds):
        say(f"samples of seed {seed} …")
        samples = sample_moments(spark, parts, length, Growth(options.per_class, seed))
        for place, one in enumerate(samples):
            by_size[place].append(components_needed(one, options.shares))
            image_counts[place] = one.count
    say("all images …")
    everything = moments(spark, parts, length)
    sampled = [
        Step(size, count, components)
        for size, count, components in zip(options.per_class, image_counts, by_size, strict=True)
        if count < everything.count  # a sample that holds all images says nothing new
    ]
    return [*sampled, Step(None, everything.count, [components_needed(everything, options.shares)])]
