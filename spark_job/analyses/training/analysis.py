"""`train`: from the features of a run to a classifier, its figures and its report."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pyspark import SparkContext

from spark_job.analyses.analysis_run import AnalysisRun
from spark_job.analyses.classifier.saved_classifier import Description, SavedClassifier
from spark_job.analyses.source_run import SourceRun
from spark_job.analyses.summary import Summary
from spark_job.analyses.training.division import Division, divide, draws_of
from spark_job.analyses.training.examples import features_of
from spark_job.analyses.training.fitting import COMPONENTS, FEATURES, Material, Trained, fit_on
from spark_job.analyses.training.report import training_document, training_findings, training_metrics
from spark_job.analyses.training.softmax_regression import Settings
from spark_job.contract.errors import MisuseError

BOTH = "both"
TABLES = {FEATURES: (FEATURES,), COMPONENTS: (COMPONENTS,), BOTH: (FEATURES, COMPONENTS)}


@dataclass(frozen=True)
class TrainingOptions:
    """One training, as the command line describes it.

    Attributes:
        on: one of TABLES; with BOTH the classifier on features is the one that is used later.
        held_out: share of each class that tests where neither a run nor the splits say it.
    """

    features: str
    results: str
    test_features: str | None = None
    on: str = FEATURES
    held_out: float = 0.2
    seed: int = 0
    settings: Settings = field(default_factory=Settings)
    run_id: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The options that decide the results."""
        values = asdict(self)
        del values["results"], values["run_id"]
        settings = values.pop("settings")
        return {**values, **settings}


def train(
    options: TrainingOptions,
    open_spark: Callable[[], SparkContext],
    say: Callable[[str], None],
    trace: Callable[[str], None] | None = None,
) -> Summary:
    """Train, evaluate, save and report.

    Args:
        open_spark: called once the arguments are known to be sound.
        say: called with each line of progress.
        trace: called with the loss after each iteration.

    Raises:
        JobError: says what to do next.
    """
    source = SourceRun.open(options.features)
    tested = SourceRun.open(options.test_features) if options.test_features else None
    _check_pair(source, tested)
    parents = [source, tested] if tested else [source]
    run = AnalysisRun.begin("train", options.results, parents, options.parameters, options.run_id)
    say(f"run {run.run_id}")
    division, trained = _train_all(options, open_spark(), source, tested, say, trace)
    saved = SavedClassifier(_description(source, division, trained), trained[0].head, trained[0].novelty)
    saved.save(run.folder.folder, options.settings.regularization)
    document = training_document(source, division, trained)
    metrics, findings = training_metrics(division, trained), training_findings(division, trained)
    return run.finish(metrics, document, findings).and_then(
        f"fruit predict --model={run.folder.folder.uri} --images=PHOTOGRAPHS --results={options.results}"
    )


def _check_pair(source: SourceRun, tested: SourceRun | None) -> None:
    features_of(source)
    if tested is None:
        return
    features_of(tested)
    if tested.uri == source.uri:
        raise MisuseError(
            "--test-features names the run that trains: a classifier is tested on images it has not seen"
        )
    one, other = (run.manifest.extractor_fingerprint for run in (source, tested))
    if one != other:
        raise MisuseError(
            f"--test-features {tested.uri} has features of another extractor: compute them with the same one"
        )


def _train_all(
    options: TrainingOptions,
    spark: SparkContext,
    source: SourceRun,
    tested: SourceRun | None,
    say: Callable[[str], None],
    trace: Callable[[str], None] | None,
) -> tuple[Division, list[Trained]]:
    draws = draws_of(spark, features_of(source).parts, options.seed)
    test_draws = draws_of(spark, features_of(tested).parts, options.seed) if tested else None
    division = divide(draws, test_draws, options.held_out, options.seed)
    training, testing = division.training_counts[-1].sum(), division.test_counts.sum()
    say(f"{training:,} images of {len(division.classes)} classes train, {testing:,} test")
    material = Material.of(spark, source, tested, division, say, trace)
    try:
        return division, [fit_on(material, on, options.settings) for on in TABLES[options.on]]
    finally:
        material.release()


def _description(source: SourceRun, division: Division, trained: Sequence[Trained]) -> Description:
    return Description(
        trained[0].on,
        division.classes,
        features_of(source).length,
        source.manifest.parameters["extractor"],
        source.manifest.extractor_fingerprint,
    )
