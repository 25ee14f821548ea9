"""`train`: from the features of a run to a classifier, its figures and its report."""

from dataclasses import asdict
from shlex import quote

from spark_job.analyses.classifier import Description, SavedClassifier
from spark_job.analyses.runs import AnalysisRun, OpenSpark, Say, SourceRun, Summary, VectorTable
from spark_job.analyses.training.division import divide, draws_of
from spark_job.analyses.training.fitting import COMPONENTS, FEATURES, fit_heads
from spark_job.analyses.training.report import training_document, training_findings, training_metrics
from spark_job.analyses.training.softmax import Settings
from spark_job.contract.errors import MisuseError
from spark_job.contract.image_names import FOLDER

TABLES = {FEATURES: (FEATURES,), COMPONENTS: (COMPONENTS,), "both": (FEATURES, COMPONENTS)}


def train(
    features: str,
    results: str,
    open_spark: OpenSpark,
    say: Say,
    *,
    test_features: str | None = None,
    on: str = FEATURES,
    held_out: float = 0.2,
    seed: int = 0,
    settings: Settings | None = None,
    run_id: str | None = None,
    label: str | None = None,
    trace: Say | None = None,
) -> Summary:
    """Train, evaluate, save and report; `held_out`: the share that tests, unless a run or splits say it."""
    settings = settings or Settings()
    chosen = {"features": features, "test_features": test_features, "on": on, "held_out": held_out}
    parameters = {**chosen, "seed": seed, "label": label, **asdict(settings)}
    source = SourceRun.open(features, label=label)
    tested = SourceRun.open(test_features, label=label) if test_features else None
    table = VectorTable.features(source)
    test_table = VectorTable.features(tested) if tested else None
    if tested and tested.uri == source.uri:
        raise MisuseError(
            "--test-features names the run that trains: a classifier is tested on images it has not seen"
        )
    if tested and tested.manifest.extractor_fingerprint != source.manifest.extractor_fingerprint:
        raise MisuseError(
            f"--test-features {tested.uri} has features of another extractor, or of another version of this "
            "job: compute both with the same one"
        )
    parents = [source, tested] if tested else [source]
    run = AnalysisRun("train", results, parents, parameters, run_id)
    say(f"run {run.run_id}")
    spark = open_spark()
    test_draws = draws_of(spark, test_table, seed) if test_table else None
    division = divide(draws_of(spark, table, seed), test_draws, held_out, seed)
    training, testing = division.training_counts[-1].sum(), division.test_counts.sum()
    say(f"{training:,} images of {len(division.classes)} classes train, {testing:,} test")
    trained = fit_heads(spark, source, tested, division, TABLES[on], settings, say, trace)
    manifest = source.manifest
    extractor = manifest.parameters["extractor"]
    description = Description(
        on=trained[0].on,
        classes=division.classes,
        feature_length=table.length,
        extractor=extractor,
        extractor_fingerprint=manifest.extractor_fingerprint,
        labels=manifest.parameters.get("labels", FOLDER),
        label=source.label_column,
    )
    saved = SavedClassifier(description, trained[0].head, trained[0].novelty)
    saved.save(run.folder, settings.regularization)
    document = training_document(source, division, trained)
    metrics, findings = training_metrics(division, trained), training_findings(division, trained)
    return run.finish(metrics, document, findings).and_then(
        f"fruit predict --model={quote(run.folder.uri)} --extractor={quote(extractor)} --images=PHOTOGRAPHS "
        f"--results={quote(results)}"
    )
