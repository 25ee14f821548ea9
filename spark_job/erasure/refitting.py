"""Models that were fitted with images which are gone by now: fitted again, of the rows that are left."""

import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import fields, replace
from typing import Any

from pyspark.sql import SparkSession

from spark_job.analyses.grouping.analysis import group
from spark_job.analyses.training.analysis import train
from spark_job.analyses.training.softmax import Settings
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import FruitError
from spark_job.contract.manifest import RUN, Manifest
from spark_job.contract.uris import last_name
from spark_job.erasure.runs import finished_run, report_again
from spark_job.errors import ReductionError
from spark_job.pipeline.reduction_stage import reduction_stage
from spark_job.pipeline.run import metrics_of
from spark_job.pipeline.run_folder import RunFolder, complete_runs, write_index
from spark_job.pipeline.stage_results import ReductionResult, StageResults, result_from_json, result_to_json
from spark_job.storage import Folder

Open = Callable[[], SparkSession]
Say = Callable[[str], None]


def fit_again(results: str, models: Collection[str], session: Open, say: Say) -> list[str]:
    """Fit these runs, trainings and groupings again, and all that were made with one of them, in their place.

    Returns the URIs of the runs that are free of what is gone; `say` tells why another one is not.
    """

    def order(known: tuple[RunFolder, Manifest]) -> tuple[bool, bool, str]:
        """Put runs before analyses, and what fits a reduction before what applies it."""
        return known[1].kind != RUN, bool(known[1].parameters.get("reduction")), known[1].created

    done = dict[str, str]()
    for run, manifest in sorted(complete_runs(Folder(results)), key=order):
        made_with = {last_name(str(manifest.parameters.get("reduction") or ""))}
        if manifest.kind in ("train", "group"):
            made_with |= set(map(last_name, manifest.parents))
        if manifest.run_id not in models and done.keys().isdisjoint(made_with):
            continue
        try:
            again = _reduce_again if manifest.kind == RUN else _analyse_again
            say(f"{manifest.run_id}: {again(run, manifest, session, say)}")
            done[manifest.run_id] = run.uri
        except (FruitError, TypeError, KeyError) as error:
            say(f"{manifest.run_id}: not fitted again: {error}; remove it, or make it with other options")
    if done:
        write_index(Folder(results))
    return list(done.values())


def _reduce_again(run: RunFolder, manifest: Manifest, session: Open, _say: Say) -> str:
    """Do the stage of the reduction once more; say what became of it."""
    listed, computed = run.stage("listing"), run.stage("features")
    if listed is None or computed is None:
        return "it has no images, so nothing of it is fitted"
    finished = finished_run(run, manifest, session)
    listing, _ = result_from_json("listing", listed)
    features, _ = result_from_json("features", computed)
    usable = sum(usable for _, usable, _ in features.classes)
    started = time.monotonic()
    reduction: ReductionResult | None = None
    try:
        reduction = reduction_stage(finished, replace(features, usable=usable))
        said = f"{reduction.components} components fitted again on {usable:,} images"
        run.complete_stage("reduction", result_to_json(reduction, time.monotonic() - started))
    except ReductionError as error:
        gone = ("reduction/", layout.COMPONENTS_CSV, f"{layout.STAGES}/reduction.json")
        run.clear(keep=lambda name: not name.startswith(gone))
        said = f"the reduction is removed, for none can be fitted: {error}"
    report_again(run, manifest)
    metrics = run.read_metrics()
    length = finished.extractor.specification.feature_length
    made = metrics_of(StageResults(listing=listing, features=features, reduction=reduction), length, {})
    run.write_json(layout.METRICS, {**metrics, **{name: made[name] for name in ("reduction", "drift")}})
    return said


def _analyse_again(run: RunFolder, manifest: Manifest, session: Open, say: Say) -> str:
    """Train or group once more with the same options, aside; then put it where the run was."""
    given: dict[str, Any] = dict(manifest.parameters)

    def spark() -> Any:
        return session().sparkContext

    with tempfile.TemporaryDirectory(prefix="fruit-again-") as scratch:
        made = RunFolder(f"{scratch}/{manifest.run_id}")
        if manifest.kind == "train":
            used = Settings(**{one.name: given.pop(one.name) for one in fields(Settings)})
            train(given.pop("features"), scratch, spark, say, run_id=manifest.run_id, settings=used, **given)
        else:
            if "k_range" in given:
                given["k_range"] = tuple(given["k_range"])
            group(given.pop("features"), scratch, spark, say, run_id=manifest.run_id, **given)
        names = made.names()
        run.clear(keep=lambda name: name in names)
        for name in sorted(names, key=layout.MANIFEST.__eq__):
            run.write(name, made.read(name) or b"")
    return "fitted again"
