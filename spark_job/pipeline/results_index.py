"""`RESULTS/index.html`: every finished run with a link to its report; each report links back to it."""

from spark_job.contract.run_layout import MANIFEST, REPORT
from spark_job.pipeline.run_folder import RunFolder
from spark_job.report.document import IndexEntry, render_index
from spark_job.storage import Folder

INDEX = "index.html"


def write_index(results: Folder) -> None:
    """Write the page anew from the manifests that are there.

    Raises:
        StorageError: the folder cannot be read or written.
    """
    results.write(INDEX, render_index(_entries(results)))


def _entries(results: Folder) -> list[IndexEntry]:
    entries = []
    for run_id in sorted(results.folder_names()):
        manifest = RunFolder(results.at(run_id)).read_json(MANIFEST)
        if manifest is not None:
            parents = [uri.rstrip("/").rpartition("/")[2] for uri in manifest.get("parents", [])]
            entries.append(
                IndexEntry(
                    run_id,
                    manifest.get("kind", "run"),
                    manifest["created"],
                    parents,
                    f"{run_id}/{REPORT}/index.html",
                )
            )
    return sorted(entries, key=lambda entry: entry.created, reverse=True)
