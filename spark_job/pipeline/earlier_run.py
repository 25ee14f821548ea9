"""The earlier run whose features a run takes over: which it is, and whether they are of the same kind."""

from typing import Any

from spark_job.contract import run_layout as layout
from spark_job.errors import MisuseError
from spark_job.extractors.folder import Extractor
from spark_job.features.extraction import FEATURES_SCHEMA
from spark_job.parquet_parts import column_names, part_uris
from spark_job.pipeline.options import LATEST, RunOptions
from spark_job.pipeline.run_folder import RunFolder
from spark_job.storage import Folder

# Runs that agree in these are successive states of one archive.
SAME_ARCHIVE = ("images", "classes", "sample", "sample_per_class", "seed", "all_files", "engine", "precision")


def find_earlier(options: RunOptions, extractor: Extractor) -> str | None:
    """The URI of the run that `--previous` means; None when it asks for the latest and there is none.

    Raises:
        MisuseError: no complete run, or its features are not those that this run would compute.
    """
    if options.previous is None:
        return None
    if options.previous == LATEST:
        return _latest(options, extractor)
    folder = RunFolder(Folder(options.previous))
    manifest = folder.read_json(layout.MANIFEST)
    if manifest is None or "extractor" not in manifest:
        raise MisuseError(
            f"--previous {options.previous} is not the folder of a complete run: give RESULTS/RUN_ID of one"
        )
    if differences := _differences(folder, manifest, options, extractor):
        raise MisuseError(
            f"--previous {options.previous} has other features ({'; '.join(differences)}): give what it was "
            "made with, or compute all anew without --previous"
        )
    return options.previous


def _latest(options: RunOptions, extractor: Extractor) -> str | None:
    """The newest complete run in --results over the same archive with the same features."""
    results, wanted, found = Folder(options.results), options.parameters, []
    for run_id in results.folder_names():
        folder = RunFolder(results.at(run_id))
        manifest = folder.read_json(layout.MANIFEST)
        if manifest is None or "extractor" not in manifest:
            continue
        before = manifest["parameters"]
        same = all(_plain(before.get(name)) == _plain(wanted[name]) for name in SAME_ARCHIVE)
        if same and not _differences(folder, manifest, options, extractor):
            found.append((manifest["created"], folder.folder.uri))
    return max(found)[1] if found else None


def _plain(value: object) -> object:
    """JSON has no tuples."""
    return list(value) if isinstance(value, tuple) else value


def _differences(
    folder: RunFolder, manifest: dict[str, Any], options: RunOptions, extractor: Extractor
) -> list[str]:
    """Why features of that run could differ from those this run would compute."""
    before, now = manifest["parameters"], options.parameters
    found = [
        f"{name} {before[name]}, now {now[name]}"
        for name in ("engine", "precision")
        if before[name] != now[name]
    ]
    if manifest["extractor"]["fingerprint"] != extractor.specification.fingerprint:
        found.append("another extractor")
    parts = part_uris(folder.folder.at(layout.FEATURES))
    if parts and (missing := set(FEATURES_SCHEMA.names) - set(column_names(parts[0]))):
        found.append(f"no columns {', '.join(sorted(missing))}, as earlier versions of this job left it")
    return found
