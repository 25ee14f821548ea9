"""The classifier that was trained on a run, found by the manifests beside the runs."""

from collections.abc import Sequence
from typing import Any

from spark_job.analyses.source_run import SourceRun
from spark_job.contract import run_layout as layout
from spark_job.pipeline.run_folder import RunFolder
from spark_job.storage import Folder

TRAIN = "train"


def newest_accuracy(run: SourceRun, places: Sequence[Folder]) -> float | None:
    """Return the test accuracy of the newest `train` run whose first parent is this run, or None.

    Args:
        places: results folders to look in.

    Raises:
        StorageError: one of them cannot be read.
    """
    found: list[tuple[str, float]] = []
    for place in places:
        for name in place.folder_names():
            folder = RunFolder(place.at(name))
            manifest: dict[str, Any] = folder.read_json(layout.MANIFEST) or {}
            if manifest.get("kind") != TRAIN or manifest["parents"][:1] != [run.uri]:
                continue
            metrics = folder.read_json(layout.METRICS) or {}
            if accuracy := metrics.get("classifier", {}).get("accuracy"):
                found.append((manifest["created"], accuracy))
    return max(found)[1] if found else None
