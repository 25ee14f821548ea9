"""The run whose features a run reuses: which it is, and whether its features are of the same kind."""

from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.contract.manifest import Manifest
from spark_job.contract.run_options import LATEST, RunOptions
from spark_job.extractors.folder import Extractor
from spark_job.features.extraction import FEATURES_SCHEMA
from spark_job.parquet_parts import column_names, part_uris
from spark_job.pipeline.run_folder import RunFolder, complete_runs
from spark_job.storage import Folder

# Runs that agree in these are successive states of one archive.
SAME_ARCHIVE = ("images", "classes", "sample", "sample_per_class", "seed", "all_files", "engine", "precision")


def find_previous(options: RunOptions, extractor: Extractor) -> RunFolder | None:
    """Return the run that `--previous` means; None: there is no such option, or no latest run.

    Raises:
        MisuseError: no complete run, or its features are not those that this run would compute.
    """
    if options.previous is None:
        return None
    if options.previous == LATEST:
        return _latest(options, extractor)
    folder = RunFolder(Folder(options.previous))
    manifest = folder.read_manifest()
    if manifest is None or not manifest.extractor:
        raise MisuseError(
            f"--previous {options.previous} is not the folder of a complete run: give RESULTS/RUN_ID of one"
        )
    if differences := _differences(folder, manifest, options, extractor):
        raise MisuseError(
            f"--previous {options.previous} has other features ({'; '.join(differences)}): give what it was "
            "made with, or compute all anew without --previous"
        )
    return folder


def _latest(options: RunOptions, extractor: Extractor) -> RunFolder | None:
    """Return the newest complete run in --results over the same archive with the same features."""
    runs = complete_runs(Folder(options.results))
    for folder, manifest in sorted(runs, key=lambda run: run[1].created, reverse=True):
        same_archive = bool(manifest.extractor) and _same_archive(manifest, options)
        if same_archive and not _differences(folder, manifest, options, extractor):
            return folder
    return None


def _same_archive(manifest: Manifest, options: RunOptions) -> bool:
    now = options.parameters
    return all(_plain(manifest.parameters.get(name)) == _plain(now[name]) for name in SAME_ARCHIVE)


def _plain(value: object) -> object:
    """Return the value as JSON has it, which knows no tuples."""
    return list(value) if isinstance(value, tuple) else value


def _differences(
    folder: RunFolder, manifest: Manifest, options: RunOptions, extractor: Extractor
) -> list[str]:
    """Return why features of that run could differ from those this run would compute."""
    before, now = manifest.parameters, options.parameters
    differences = [
        f"{name} {before[name]}, now {now[name]}"
        for name in ("engine", "precision")
        if before[name] != now[name]
    ]
    if manifest.extractor_fingerprint != extractor.specification.fingerprint:
        differences.append("another extractor")
    parts = part_uris(folder.folder.at(layout.FEATURES))
    if parts and (missing := set(FEATURES_SCHEMA.names) - set(column_names(parts[0]))):
        differences.append(
            f"no columns {', '.join(sorted(missing))}, as earlier versions of this job left it"
        )
    return differences
