"""A run from start to end: the stages in order, each once, then the metrics and, last, the manifest."""

import hashlib
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from spark_job import __version__
from spark_job.contract import run_layout as layout
from spark_job.contract.manifest import Manifest
from spark_job.contract.options import PLACE, RESULTS
from spark_job.contract.run_options import RunOptions
from spark_job.errors import JobError
from spark_job.extractors.folder import Extractor
from spark_job.pipeline.feature_stage import feature_stage
from spark_job.pipeline.listing_stage import list_stage
from spark_job.pipeline.reduction_stage import reduction_stage
from spark_job.pipeline.reporting import image_counts, package_versions, report_stage
from spark_job.pipeline.results_index import write_index
from spark_job.pipeline.run_folder import RunFolder
from spark_job.pipeline.stage import Facts, Run
from spark_job.reduction.drift import Drift
from spark_job.session import open_session
from spark_job.storage import Folder

Stage = Callable[[Run, Facts], Facts]
STAGES: dict[str, Stage] = {
    "listing": list_stage,
    "features": feature_stage,
    "reduction": reduction_stage,
    "report": report_stage,
}
NEED_IMAGES = ("features", "reduction")


def run_pipeline(
    options: RunOptions,
    say: Callable[[str], None],
    session: Callable[[], SparkSession] | None = None,
) -> Manifest:
    """Run, or go on with a run, until its manifest is there.

    Args:
        options: what to do.
        say: told what happens, a line at a time.
        session: gives the Spark session when it is first needed; default: opens one.

    Returns:
        The manifest.

    Raises:
        JobError: says what to do next.
    """
    started = time.monotonic()
    extractor = Extractor.open(Folder(options.extractor))
    folder = RunFolder(Folder(options.results).at(options.run_id))
    fingerprint = options.fingerprint(extractor.specification.fingerprint)
    manifest = folder.open(fingerprint, options.parameters, options.resume)
    if manifest is not None:
        say(f"{folder.folder.uri} is complete: nothing to do")
        return manifest
    with tempfile.TemporaryDirectory(prefix="spark-job-") as scratch:
        opened = session or partial(open_session, "spark_job")
        facts = run_stages(Run(opened, options, extractor, folder, Path(scratch)), say)
    metrics = metrics_of(facts, extractor.specification.feature_length, time.monotonic() - started)
    folder.write_json(layout.METRICS, metrics)
    manifest = manifest_of(options, extractor, fingerprint, metrics, facts)
    folder.write_manifest(manifest)
    write_index(Folder(options.results))
    return manifest


def run_stages(run: Run, say: Callable[[str], None]) -> Facts:
    """What each stage left, taken from an earlier attempt where it was complete."""
    facts: Facts = {}
    for name, stage in STAGES.items():
        if name in NEED_IMAGES and not facts["listing"]["selected"]:
            continue
        earlier = run.folder.stage(name)
        if earlier is None:
            say(f"{name} …")
            started = time.monotonic()
            found = _attempt(name, stage, run, facts)
            earlier = {**found, "seconds": time.monotonic() - started}
            run.folder.complete_stage(name, earlier)
        else:
            say(f"{name}: complete already")
        facts[name] = earlier
    return facts


def _attempt(name: str, stage: Stage, run: Run, facts: Facts) -> Facts:
    try:
        return stage(run, facts)
    except (PySparkException, Py4JError) as error:
        raise JobError(
            f"the stage {name} failed: {cause(error)}; what is complete is kept: mend the cause and run the "
            f"same command with --run-id {run.options.run_id} --resume"
        ) from error


def cause(error: Exception) -> str:
    """The line of a Spark error that names its cause: the last `SomethingError: …` of a Python traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"(\w+\.)*\w*(Error|Exception|Killed)\w*: ", line)]
    return (named or lines or [type(error).__name__])[-1]


def metrics_of(facts: Facts, feature_length: int, total_seconds: float) -> dict[str, Any]:
    """`metrics.json`; docs/results-folder.md says what each figure is."""
    features, reduction = facts.get("features", {}), facts.get("reduction", {})
    return {
        "images": {**image_counts(facts), "skipped_by_reason": facts["listing"]["skipped"]},
        "features": {
            "length": feature_length,
            "images_per_second": features.get("images_per_second"),
            "cores": features.get("cores"),
            "cpu_utilization": features.get("cpu_utilization"),
        },
        "reduction": {
            key: reduction.get(key) for key in ("components", "explained_variance_ratio", "standardized")
        },
        "drift": Drift(**reduction["drift"]).figures() if reduction.get("drift") else None,
        "seconds": {
            **{name: facts.get(name, {}).get("seconds", 0.0) for name in STAGES},
            "total": total_seconds,
        },
    }


def manifest_of(
    options: RunOptions, extractor: Extractor, fingerprint: str, metrics: dict[str, Any], facts: Facts
) -> Manifest:
    """Return the manifest of a run whose stages are complete."""
    outputs = [
        layout.METRICS,
        layout.LISTING,
        *(f"{layout.REPORT}/{name}" for name in facts["report"]["files"]),
    ]
    if facts["listing"]["earlier"]:
        outputs.append(layout.REUSE)
    if "features" in facts:
        outputs += [layout.FEATURES, layout.REJECTED]
    if "reduction" in facts:
        outputs += [layout.MODEL, layout.FIT, layout.COMPONENTS, layout.COMPONENTS_CSV]
    return Manifest(
        run_id=options.run_id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        fingerprint=fingerprint,
        parameters=options.parameters,
        command=tuple(options.arguments(RESULTS, PLACE)),
        code={"version": __version__, "sha256": code_hash()},
        extractor={
            "fingerprint": extractor.specification.fingerprint,
            "specification": asdict(extractor.specification),
        },
        versions=package_versions(),
        images=metrics["images"],
        outputs=tuple(sorted(outputs)),
    )


def code_hash() -> str:
    """sha256 over the package's own files, the same from a checkout and from the packaged job."""
    digest = hashlib.sha256()
    pending, found = [("", files("spark_job"))], []
    while pending:
        path, folder = pending.pop()
        for entry in folder.iterdir():
            name = f"{path}/{entry.name}"
            if entry.is_dir() and entry.name != "__pycache__":
                pending.append((name, entry))
            elif entry.is_file() and not entry.name.endswith(".pyc"):
                found.append((name, entry.read_bytes()))
    for name, content in sorted(found):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
