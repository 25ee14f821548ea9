"""`RESULTS/index.html`: every finished run with a link to its report; each report links back to it."""

from spark_job.contract.run_layout import REPORT
from spark_job.pipeline.run_folder import complete_runs
from spark_job.report.document import IndexEntry
from spark_job.report.page import render_index
from spark_job.storage import Folder

INDEX = "index.html"


def write_index(results: Folder) -> None:
    """Write the page anew from the manifests that are there, the latest run first.

    Raises:
        StorageError: the folder cannot be read or written.
    """
    entries = []
    for run, manifest in complete_runs(results):
        run_id = run.folder.uri.rpartition("/")[2]
        parents = [uri.rstrip("/").rpartition("/")[2] for uri in manifest.parents]
        report = f"{run_id}/{REPORT}/index.html"
        entries.append(IndexEntry(run_id, manifest.kind, manifest.created, parents, report))
    entries.sort(key=lambda entry: entry.created, reverse=True)
    results.write(INDEX, render_index(entries))
